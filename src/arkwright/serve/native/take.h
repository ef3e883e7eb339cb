/* Taking a request from its connection, where nothing is out of the ordinary. */

/* Whether an attribute is true: 1, 0, or -1. */
static int truth(PyObject *object, PyObject *name)
{
    PyObject *found = PyObject_GetAttr(object, name);
    if (found == NULL)
        return -1;
    int is = found == Py_True ? 1 : found == Py_False || found == Py_None ? 0 : PyObject_IsTrue(found);
    Py_DECREF(found);
    return is;
}

/* An attribute and so much more: 0, or -1. */
static int add(PyObject *object, PyObject *name, Py_ssize_t more)
{
    PyObject *found = PyObject_GetAttr(object, name);
    if (found == NULL)
        return -1;
    Py_ssize_t number = PyLong_AsSsize_t(found);
    Py_DECREF(found);
    if (number == -1 && PyErr_Occurred())
        return -1;
    PyObject *sum = PyLong_FromSsize_t(number + more);
    int done = sum == NULL ? -1 : PyObject_SetAttr(object, name, sum);
    Py_XDECREF(sum);
    return done;
}

/* No bytes wait to be looked at, no request waits for its turn, and none has come in part. */
static int has_nothing_else(PyObject *connection)
{
    PyObject *rest = AT(connection, slot.rest);
    return PyBytes_CheckExact(rest) && PyBytes_GET_SIZE(rest) == 0 && Py_SIZE(AT(connection, slot.queue)) == 0 &&
           AT(AT(connection, slot.reader), slot.clean) == Py_True;
}

/* Nothing waits before these bytes, and nothing is out of the ordinary with the connection. */
static int is_quiet(PyObject *connection)
{
    return AT(connection, slot.deaf) == Py_False && AT(connection, slot.paused) == Py_False &&
           AT(connection, slot.busy) == Py_None && AT(connection, slot.transport) != Py_None &&
           has_nothing_else(connection);
}

static int is_ordinary(PyObject *front)
{
    PyObject *const never[] = {s_quota, s_gateway, s_draining, s_crowded};
    for (int i = 0; i < 4; i++) {
        int is = truth(front, never[i]);
        if (is)
            return is < 0 ? -1 : 0;
    }
    PyObject *limits = PyObject_GetAttr(front, s_limits);
    PyObject *most = limits ? PyObject_GetAttr(limits, s_bodies) : NULL, *now = most ? PyObject_GetAttr(front, s_bodies) : NULL;
    int within = now ? PyObject_RichCompareBool(now, most, Py_LE) : -1;
    Py_XDECREF(limits);
    Py_XDECREF(most);
    Py_XDECREF(now);
    return within;
}

/* A head that is known and ends at `*end`. NULL: none, or an error. */
static PyObject *known_head(PyObject *front, const char *data, Py_ssize_t size, Py_ssize_t *end)
{
    const char *found = memmem(data, (size_t)size, "\r\n\r\n", 4);
    if (found == NULL || found - data > LONGEST_HEAD)
        return NULL;
    *end = found + 4 - data;
    PyObject *heads = PyObject_GetAttr(front, s_heads), *key = PyBytes_FromStringAndSize(data, *end);
    PyObject *head = heads && key && PyDict_Check(heads) ? PyDict_GetItemWithError(heads, key) : NULL;
    Py_XINCREF(head);
    Py_XDECREF(heads);
    Py_XDECREF(key);
    return head;
}

static int begin(PyObject *connection, PyObject *front, Taken *taken, Py_ssize_t length)
{
    PyObject *limits = PyObject_GetAttr(front, s_limits);
    PyObject *within = limits ? PyObject_GetAttr(limits, s_answer_time) : NULL;
    double seconds = within ? PyFloat_AsDouble(within) : 0;
    PyObject *by = within && !PyErr_Occurred() ? PyFloat_FromDouble(taken->received + seconds) : NULL;
    Py_XDECREF(limits);
    Py_XDECREF(within);
    if (by == NULL || add(front, s_bodies, length) < 0) {
        Py_XDECREF(by);
        return -1;
    }
    put(connection, slot.answer_by, by);
    put(connection, slot.idle_by, infinity);
    put(connection, slot.busy, (PyObject *)taken);
    Py_DECREF(by);
    return 0;
}

static Taken *make_taken(PyObject *connection, PyObject *data, PyObject *head, Py_ssize_t body)
{
    PyObject *now = PyObject_CallNoArgs(monotonic);
    Taken *made = now ? PyObject_GC_New(Taken, &TakenType) : NULL;
    if (made != NULL) {
        Py_INCREF(connection);
        Py_INCREF(data);
        Py_INCREF(head);
        made->connection = connection;
        made->data = data;
        made->head = head;
        made->request = NULL;
        made->body = body;
        made->rows = 0;
        made->place = 0;
        made->gone = 0;
        made->received = PyFloat_AsDouble(now);
        PyObject_GC_Track(made);
    }
    Py_XDECREF(now);
    return made;
}

/* Put a request in its turn: 1; 0 if it is not plain. */
static int take_in(Turn *turn, PyObject *connection, PyObject *front, PyObject *data, PyObject *head, Py_ssize_t end)
{
    Py_ssize_t size = PyBytes_GET_SIZE(data);
    if (!turn->ready || turn->frames == NULL || turn->count >= turn->most || size - end > turn->largest ||
        AT(turn->cost, slot.heavy) != Py_False)
        return 0;
    const char *body = PyBytes_AS_STRING(data);
    Py_ssize_t rows = read_rows(turn, body + end, body + size);
    if (rows <= 0)
        return (int)rows;
    Taken *taken = make_taken(connection, data, head, end);
    if (taken == NULL)
        return -1;
    if (turn->count == 0) {
        PyObject *told = PyObject_CallNoArgs(turn->first);
        if (told == NULL) {
            Py_DECREF(taken);
            return -1;
        }
        Py_DECREF(told);
    }
    if (begin(connection, front, taken, size - end) < 0) {
        Py_DECREF(taken);
        return -1;
    }
    taken->rows = rows;
    taken->place = turn->used;
    turn->used += (size_t)(rows * turn->width * turn->item);
    turn->jobs[turn->count++] = taken;
    return 1;
}

/* One of several releases is picked by `among`, whichever way the request goes: to pick twice would change the shares. */
static int take_among(PyObject *among, PyObject *connection, PyObject *front, PyObject *data, PyObject *head,
                      Py_ssize_t end)
{
    PyObject *headers = PyObject_GetAttr(head, s_headers);
    PyObject *picked = headers ? PyObject_CallOneArg(among, headers) : NULL; /* the release, and its turn */
    Py_XDECREF(headers);
    if (picked == NULL)
        return -1;
    PyObject *turn = PyTuple_GET_ITEM(picked, 1);
    int taken = Py_IS_TYPE(turn, &TurnType) ? take_in((Turn *)turn, connection, front, data, head, end) : 0;
    if (taken == 0) {
        Taken *one = make_taken(connection, data, head, end);
        taken = one && begin(connection, front, one, PyBytes_GET_SIZE(data) - end) == 0 ? 1 : -1;
        if (taken > 0) {
            PyObject *lane = PyTuple_GET_ITEM(picked, 0);
            PyObject *done = PyObject_CallMethodObjArgs(connection, s_picked, one, lane, NULL);
            taken = done ? 1 : -1;
            Py_XDECREF(done);
        }
        Py_XDECREF(one);
    }
    Py_DECREF(picked);
    return taken;
}

/* A request with this head, if it is whole and nothing is out of the ordinary: 1, 0, or -1. */
static int take_by(PyObject *head, PyObject *connection, PyObject *data, Py_ssize_t end)
{
    PyObject *front = AT(connection, slot.front), *turn = AT(head, slot.turn);
    if (turn == Py_None || PyLong_AsSsize_t(AT(head, slot.length)) != PyBytes_GET_SIZE(data) - end)
        return PyErr_Occurred() ? -1 : 0;
    int ordinary = is_ordinary(front);
    if (ordinary <= 0)
        return ordinary;
    Py_INCREF(turn);
    int taken = Py_IS_TYPE(turn, &TurnType) ? take_in((Turn *)turn, connection, front, data, head, end)
                                            : take_among(turn, connection, front, data, head, end);
    Py_DECREF(turn);
    return taken;
}

/* take(connection, data) -> bool */
static PyObject *take(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || connection_type == NULL || !PyObject_TypeCheck(args[0], connection_type))
        return PyErr_Format(PyExc_TypeError, "take(connection, data)");
    PyObject *connection = args[0], *data = args[1];
    if (!PyBytes_CheckExact(data) || !is_quiet(connection))
        Py_RETURN_FALSE;
    Py_ssize_t end = 0;
    PyObject *head = known_head(AT(connection, slot.front), PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), &end);
    if (head == NULL)
        return PyErr_Occurred() ? NULL : PyBool_FromLong(0);
    int taken = take_by(head, connection, data, end);
    Py_DECREF(head);
    return taken < 0 ? NULL : PyBool_FromLong(taken);
}
