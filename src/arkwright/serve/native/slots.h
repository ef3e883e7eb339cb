/* What is known of Python's classes: where their slots are, and what their attributes are called. */

static struct {
    Py_ssize_t deaf, paused, held, ahead, busy, queue, rest, reader, stand, transport, front, answer_by, idle_by, caller;
    Py_ssize_t clean, continues, by;
    Py_ssize_t length, turn, timeout;
    Py_ssize_t heavy;
} slot;
static PyTypeObject *connection_type;
static PyObject *make_request, *monotonic, *infinity;
static PyObject *s_heads, *s_crowded, *s_quota, *s_gateway, *s_draining, *s_bodies, *s_limits, *s_answer_time, *s_idle;
static PyObject *s_now, *s_date, *s_write, *s_said, *s_picked, *s_headers, *s_wait, *s_id;

#define AT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

static void put(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *before = AT(object, offset);
    Py_INCREF(value);
    AT(object, offset) = value;
    Py_XDECREF(before);
}

static int find_slot(PyObject *type, const char *name, Py_ssize_t *offset)
{
    PyObject *found = PyObject_GetAttrString(type, name);
    if (found == NULL)
        return -1;
    int right = Py_IS_TYPE(found, &PyMemberDescr_Type) && ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX;
    if (right)
        *offset = ((PyMemberDescrObject *)found)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%s is no slot", name);
    Py_DECREF(found);
    return right ? 0 : -1;
}

static PyObject *know(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *connection, *reader, *head, *request, *clock;
    if (!PyArg_ParseTuple(args, "O!O!O!OO", &PyType_Type, &connection, &PyType_Type, &reader, &PyType_Type, &head,
                          &request, &clock))
        return NULL;
    struct { PyObject *type; const char *name; Py_ssize_t *offset; } wanted[] = {
        {connection, "_deaf", &slot.deaf}, {connection, "_paused", &slot.paused}, {connection, "_held", &slot.held},
        {connection, "_ahead", &slot.ahead}, {connection, "_busy", &slot.busy}, {connection, "_queue", &slot.queue},
        {connection, "_rest", &slot.rest}, {connection, "_reader", &slot.reader}, {connection, "_stand", &slot.stand},
        {connection, "_transport", &slot.transport}, {connection, "_front", &slot.front},
        {connection, "_answer_by", &slot.answer_by}, {connection, "_idle_by", &slot.idle_by},
        {connection, "caller", &slot.caller},
        {reader, "clean", &slot.clean}, {reader, "continues", &slot.continues}, {reader, "by", &slot.by},
        {head, "length", &slot.length}, {head, "turn", &slot.turn}, {head, "timeout", &slot.timeout},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (find_slot(wanted[i].type, wanted[i].name, wanted[i].offset) < 0)
            return NULL;
    Py_INCREF(connection);
    Py_XSETREF(connection_type, (PyTypeObject *)connection);
    Py_INCREF(request);
    Py_XSETREF(make_request, request);
    Py_INCREF(clock);
    Py_XSETREF(monotonic, clock);
    Py_RETURN_NONE;
}
