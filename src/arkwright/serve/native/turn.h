/* A request that was taken from a connection, and those of one turn of the loop. */

typedef struct {
    PyObject_HEAD
    PyObject *connection, *data, *head, *request;
    PyObject *id, *trace; /* X-Request-Id and traceparent, as they are said; NULL where they are not */
    Py_ssize_t body, own, own_size, rows; /* own: the id that stands in the body */
    size_t place;
    double received, read, deadline;
    long gone;
} Taken;

typedef struct {
    PyObject_HEAD
    PyObject *frames, *cost, *first;
    Py_ssize_t width, most, most_rows, largest;
    int item;
    Taken **jobs;
    Py_ssize_t count, room;
    char *data;
    size_t used, space;
} Turn;

static PyTypeObject TakenType, TurnType;

static PyObject *taken_body(Taken *self, void *Py_UNUSED(nothing))
{
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(self->data) + self->body,
                                     PyBytes_GET_SIZE(self->data) - self->body);
}

/* As Python would have made it. */
static PyObject *taken_request(Taken *self, void *Py_UNUSED(nothing))
{
    if (self->request == NULL)
        self->request = PyObject_CallFunction(make_request, "OOnOdl", self->head, self->data, self->body,
                                              self->connection, self->received, self->gone);
    Py_XINCREF(self->request);
    return self->request;
}

static PyObject *taken_getattr(PyObject *self, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(self, name);
    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    PyObject *request = taken_request((Taken *)self, NULL);
    if (request == NULL)
        return NULL;
    found = PyObject_GetAttr(request, name);
    Py_DECREF(request);
    return found;
}

static int taken_traverse(Taken *self, visitproc visit, void *arg)
{
    Py_VISIT(self->connection);
    Py_VISIT(self->head);
    Py_VISIT(self->request);
    return 0;
}

static int taken_clear(Taken *self)
{
    Py_CLEAR(self->connection);
    Py_CLEAR(self->head);
    Py_CLEAR(self->request);
    return 0;
}

static void taken_dealloc(Taken *self)
{
    PyObject_GC_UnTrack(self);
    taken_clear(self);
    Py_CLEAR(self->data);
    Py_CLEAR(self->id);
    Py_CLEAR(self->trace);
    PyObject_GC_Del(self);
}

static PyMemberDef taken_members[] = {
    {"connection", T_OBJECT_EX, offsetof(Taken, connection), READONLY, NULL},
    {"head", T_OBJECT_EX, offsetof(Taken, head), READONLY, NULL},
    {"trace", T_OBJECT, offsetof(Taken, trace), READONLY, "What traceparent says, if it stands there."},
    {"rows", T_PYSSIZET, offsetof(Taken, rows), READONLY, NULL},
    {"received", T_DOUBLE, offsetof(Taken, received), READONLY, NULL},
    {"read", T_DOUBLE, offsetof(Taken, read), READONLY, "When its numbers were there, by the clock `monotonic`."},
    {"gone", T_LONG, offsetof(Taken, gone), 0, NULL},
    {NULL},
};

static PyGetSetDef taken_getset[] = {
    {"body", (getter)taken_body, NULL, NULL, NULL},
    {"request", (getter)taken_request, NULL, NULL, NULL},
    {NULL},
};

static PyTypeObject TakenType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "arkwright.serve.native._native.Taken",
    .tp_doc = "A request that waits for the end of this turn; what else is asked of it is its `request`'s.",
    .tp_basicsize = sizeof(Taken),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = (destructor)taken_dealloc,
    .tp_traverse = (traverseproc)taken_traverse,
    .tp_clear = (inquiry)taken_clear,
    .tp_getattro = taken_getattr,
    .tp_members = taken_members,
    .tp_getset = taken_getset,
};

static int turn_init(Turn *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"frames", "cost", "first", "width", "item", "most", "most_rows", "largest", NULL};
    PyObject *frames, *cost, *first;
    if (self->frames != NULL) {
        PyErr_SetString(PyExc_TypeError, "it is begun");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO$ninnn", names, &PyDict_Type, &frames, &cost, &first,
                                     &self->width, &self->item, &self->most, &self->most_rows,
                                     &self->largest))
        return -1;
    if (self->width < 1 || (self->item != 4 && self->item != 8)) {
        PyErr_SetString(PyExc_ValueError, "rows of one number or more, of 4 or 8 bytes");
        return -1;
    }
    if (find_slot((PyObject *)Py_TYPE(cost), "heavy", &slot.heavy) < 0)
        return -1;
    Py_INCREF(frames);
    Py_INCREF(cost);
    Py_INCREF(first);
    self->frames = frames;
    self->cost = cost;
    self->first = first;
    return 0;
}

static int turn_traverse(Turn *self, visitproc visit, void *arg)
{
    Py_VISIT(self->frames);
    Py_VISIT(self->cost);
    Py_VISIT(self->first);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_VISIT(self->jobs[i]);
    return 0;
}

static void drop(Turn *self)
{
    Py_ssize_t count = self->count;
    Taken **jobs = self->jobs;
    self->count = self->room = 0;
    self->jobs = NULL;
    for (Py_ssize_t i = 0; i < count; i++)
        Py_DECREF(jobs[i]);
    PyMem_Free(jobs);
    PyMem_Free(self->data);
    self->data = NULL;
    self->used = self->space = 0;
}

static int turn_clear(Turn *self)
{
    drop(self);
    Py_CLEAR(self->cost);
    Py_CLEAR(self->first);
    Py_CLEAR(self->frames);
    return 0;
}

static void turn_dealloc(Turn *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    turn_clear(self);
    type->tp_free((PyObject *)self);
}

/* What waits is still to be answered: that it is flushed is arranged. */
static PyObject *turn_close(Turn *self, PyObject *Py_UNUSED(nothing))
{
    Py_CLEAR(self->cost);
    Py_CLEAR(self->first);
    Py_CLEAR(self->frames);
    Py_RETURN_NONE;
}

/* Room for one more, of so many bytes. */
static int make_room(Turn *self, size_t size)
{
    if (self->count == self->room) {
        Py_ssize_t room = self->room ? 2 * self->room : 64;
        Taken **jobs = PyMem_Realloc(self->jobs, (size_t)room * sizeof *jobs);
        if (jobs == NULL)
            return -1;
        self->jobs = jobs;
        self->room = room;
    }
    if (self->space - self->used < size) {
        size_t space = 2 * (self->used + size) + 4096;
        char *data = PyMem_Realloc(self->data, space);
        if (data == NULL)
            return -1;
        self->data = data;
        self->space = space;
    }
    return 0;
}

/* The id of a request, where its body begins with one (`_ID` of model/plain_tensors.py): where it begins, how long it
 * is, and what stands behind it. */
static const char *read_id(const char *body, const char *end, const char **own, Py_ssize_t *size)
{
    static const char ID[] = "{\"id\":";
    if (end - body < 32 || memcmp(body, ID, sizeof ID - 1) != 0)
        return NULL;
    body += sizeof ID - 1;
    body += *body == ' ';
    if (*body++ != '"')
        return NULL;
    *own = body;
    while (body < end && *body >= ' ' && *body < 127 && *body != '"' && *body != '\\')
        body++;
    *size = body - *own;
    if (*size < 1 || *size > LONGEST_ID || end - body < 3 || body[0] != '"' || body[1] != ',')
        return NULL;
    return body + 2 + (body[2] == ' ');
}

/* What stands before the numbers; an id is left out. */
static PyObject *frame_before(const char *body, const char *behind_id, const char *open)
{
    const char *from = behind_id ? behind_id : body;
    Py_ssize_t brace = behind_id != NULL;
    PyObject *before = PyBytes_FromStringAndSize(NULL, brace + (open - from));
    if (before != NULL) {
        char *to = PyBytes_AS_STRING(before);
        *to = '{';
        memcpy(to + brace, from, (size_t)(open - from));
    }
    return before;
}

/* The rows of a body behind those that came before, if it is a frame that is known with numbers in it; 0 if not, -1 when
 * Python raised something. `behind_id`: where it goes on behind an id, or NULL. */
static Py_ssize_t read_rows(Turn *self, const char *body, const char *behind_id, const char *end)
{
    static const char DATA[] = "\"data\":";
    const char *from = behind_id ? behind_id : body;
    const char *found = memmem(from, (size_t)(end - from), DATA, sizeof DATA - 1);
    const char *open = found ? memchr(found, '[', (size_t)(end - found)) : NULL;
    if (open == NULL || open == body || open - from > LONGEST_FRAME - 1)
        return 0;
    const char *close = memchr(open, ']', (size_t)(end - open));
    if (close == NULL)
        return 0;
    close++;
    PyObject *before = frame_before(body, behind_id, open);
    if (before == NULL)
        return -1;
    PyObject *frame = PyDict_GetItemWithError(self->frames, before); /* what follows the numbers, rows, and a reader */
    Py_DECREF(before);
    if (frame == NULL)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *behind = PyTuple_GET_ITEM(frame, 0);
    if (PyBytes_GET_SIZE(behind) != end - close || memcmp(PyBytes_AS_STRING(behind), close, (size_t)(end - close)) != 0)
        return 0;
    Py_ssize_t rows = PyLong_AsSsize_t(PyTuple_GET_ITEM(frame, 1));
    if (rows < 1 || rows > self->most_rows || 2 * rows * self->width > close - open)
        return PyErr_Occurred() ? -1 : 0;
    if (make_room(self, (size_t)(rows * self->width * self->item)) < 0)
        return PyErr_NoMemory() == NULL ? -1 : 0;
    return numbers(open, close, rows * self->width, self->data + self->used, self->item) ? rows : 0;
}
