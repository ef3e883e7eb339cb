/* A batch of them: what is computed together, and answered. */

typedef struct {
    PyObject_HEAD
    Taken **jobs;
    Py_ssize_t count, rows;
    PyObject *data;
} Batch;

static PyTypeObject BatchType;

static void batch_dealloc(Batch *self)
{
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_XDECREF(self->jobs[i]);
    PyMem_Free(self->jobs);
    Py_XDECREF(self->data);
    type->tp_free((PyObject *)self);
}

/* batch(now, late, most_rows) -> (Batch | None, those that go the long way): the first that wait, no more rows than that;
 * not those whom nobody waits for any more, whose deadline is over, or that were received before `late`. */
static PyObject *turn_batch(Turn *self, PyObject *args)
{
    double now, late;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "ddn", &now, &late, &most))
        return NULL;
    Py_ssize_t taken = 0, kept = 0, rows = 0;
    PyObject *left = PyList_New(0), *found = NULL;
    Batch *batch = left ? PyObject_New(Batch, &BatchType) : NULL;
    if (batch == NULL) {
        Py_XDECREF(left);
        return NULL;
    }
    batch->jobs = PyMem_Malloc((size_t)(self->count ? self->count : 1) * sizeof *batch->jobs);
    batch->count = 0;
    batch->data = NULL;
    if (batch->jobs == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (; taken < self->count; taken++) {
        Taken *one = self->jobs[taken];
        if (one->gone || one->deadline <= now || one->received < late) {
            if (PyList_Append(left, (PyObject *)one) < 0)
                goto done;
            continue;
        }
        if (kept && rows + one->rows > most)
            break;
        Py_INCREF(one);
        batch->jobs[kept++] = one;
        batch->count = kept;
        rows += one->rows;
    }
    batch->rows = rows;
    size_t row = (size_t)(self->width * self->item);
    batch->data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(row * (size_t)rows));
    if (batch->data == NULL)
        goto done;
    char *to = PyBytes_AS_STRING(batch->data);
    for (Py_ssize_t i = 0; i < kept; i++) {
        size_t size = row * (size_t)batch->jobs[i]->rows;
        memcpy(to, self->data + batch->jobs[i]->place, size);
        to += size;
    }
    if (taken == self->count)
        drop(self);
    else {
        for (Py_ssize_t i = 0; i < taken; i++)
            Py_DECREF(self->jobs[i]);
        memmove(self->jobs, self->jobs + taken, (size_t)(self->count - taken) * sizeof *self->jobs);
        self->count -= taken;
    }
    found = Py_BuildValue("(OO)", kept ? (PyObject *)batch : Py_None, left);
done:
    Py_DECREF(batch);
    Py_DECREF(left);
    return found;
}

static PyMethodDef turn_methods[] = {
    {"batch", (PyCFunction)turn_batch, METH_VARARGS, "The next to be computed, and those that go the long way."},
    {"close", (PyCFunction)turn_close, METH_NOARGS, "Take no more."},
    {NULL},
};

static PyMemberDef turn_members[] = {
    {"waiting", T_PYSSIZET, offsetof(Turn, count), READONLY, NULL},
    {NULL},
};

static PyTypeObject TurnType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "arkwright.serve.native._native.Turn",
    .tp_doc = "The plain requests to one release that came in this turn of the loop.",
    .tp_basicsize = sizeof(Turn),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)turn_init,
    .tp_dealloc = (destructor)turn_dealloc,
    .tp_traverse = (traverseproc)turn_traverse,
    .tp_clear = (inquiry)turn_clear,
    .tp_methods = turn_methods,
    .tp_members = turn_members,
};

/* What is told of each, in a list. */
static PyObject *listed(Batch *self, PyObject *(*told)(Taken *))
{
    PyObject *list = PyList_New(self->count);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        PyObject *one = told(self->jobs[i]);
        if (one == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, one);
    }
    return list;
}

static PyObject *job_itself(Taken *job) { return Py_NewRef((PyObject *)job); }
static PyObject *job_body(Taken *job) { return taken_body(job, NULL); }
static PyObject *job_rows(Taken *job) { return PyLong_FromSsize_t(job->rows); }
static PyObject *job_received(Taken *job) { return PyFloat_FromDouble(job->received); }

static PyObject *batch_jobs(Batch *self, void *Py_UNUSED(nothing)) { return listed(self, job_itself); }
static PyObject *batch_bodies(Batch *self, void *Py_UNUSED(nothing)) { return listed(self, job_body); }
static PyObject *batch_received(Batch *self, void *Py_UNUSED(nothing)) { return listed(self, job_received); }

/* How many rows each has; None where it is one. */
static PyObject *batch_sizes(Batch *self, void *Py_UNUSED(nothing))
{
    return self->rows == self->count ? Py_NewRef(Py_None) : listed(self, job_rows);
}

static PyObject *job_id(Taken *job) { return job->id ? Py_NewRef(job->id) : PyBytes_FromStringAndSize(NULL, 0); }

static PyObject *job_own(Taken *job)
{
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(job->data) + job->body + job->own, job->own_size);
}

/* What the head of each calls it; None where no head does. */
static PyObject *batch_ids(Batch *self, void *Py_UNUSED(nothing))
{
    for (Py_ssize_t i = 0; i < self->count; i++)
        if (self->jobs[i]->id != NULL)
            return listed(self, job_id);
    Py_RETURN_NONE;
}

/* names(start, number) -> list of bytes: what the head of each calls it, and where it does not, one that is made of these
 * and counts on. */
static PyObject *batch_names(Batch *self, PyObject *args)
{
    PyObject *start;
    unsigned long long number;
    if (!PyArg_ParseTuple(args, "SK", &start, &number))
        return NULL;
    PyObject *list = PyList_New(self->count);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        char made[96];
        PyObject *id = Py_XNewRef(self->jobs[i]->id);
        if (id == NULL) {
            int size = PyOS_snprintf(made, sizeof made, "%.64s-%llx", PyBytes_AS_STRING(start), number + (uint64_t)i);
            id = PyBytes_FromStringAndSize(made, size);
        }
        if (id == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, id);
    }
    return list;
}

/* What the body of each calls it; None where no body does. */
static PyObject *batch_own(Batch *self, void *Py_UNUSED(nothing))
{
    for (Py_ssize_t i = 0; i < self->count; i++)
        if (self->jobs[i]->own_size)
            return listed(self, job_own);
    Py_RETURN_NONE;
}

/* Nothing came behind the request, and its connection sends and reads as ever. */
static int says_plainly(PyObject *connection, PyObject *front, Taken *job)
{
    return AT(connection, slot.busy) == (PyObject *)job && AT(connection, slot.front) == front &&
           AT(connection, slot.transport) != Py_None && AT(connection, slot.held) == Py_False &&
           AT(connection, slot.ahead) == Py_False && has_nothing_else(connection) &&
           AT(AT(connection, slot.reader), slot.continues) == Py_False &&
           Py_IS_TYPE(AT(connection, slot.stand), &StandType);
}

static char *copied(char *to, const char *from, Py_ssize_t size)
{
    memcpy(to, from, (size_t)size);
    return to + size;
}

static PyObject *answer_of(PyObject *body, PyObject *date, PyObject *headers, const char *id, Py_ssize_t id_size)
{
    static const char OPEN[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
    static const char ID[] = "X-Request-Id: ";
    char length[24];
    int digits = PyOS_snprintf(length, sizeof length, "%zd\r\n", PyBytes_GET_SIZE(body));
    Py_ssize_t line = id_size ? (Py_ssize_t)sizeof ID - 1 + id_size + 2 : 0;
    Py_ssize_t size = (Py_ssize_t)sizeof OPEN - 1 + digits + PyBytes_GET_SIZE(date) + PyBytes_GET_SIZE(headers) + line + 2 +
                      PyBytes_GET_SIZE(body);
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL)
        return NULL;
    char *to = copied(PyBytes_AS_STRING(made), OPEN, sizeof OPEN - 1);
    to = copied(to, length, digits);
    to = copied(to, PyBytes_AS_STRING(date), PyBytes_GET_SIZE(date));
    to = copied(to, PyBytes_AS_STRING(headers), PyBytes_GET_SIZE(headers));
    if (id_size) {
        to = copied(to, ID, sizeof ID - 1);
        to = copied(to, id, id_size);
        to = copied(to, "\r\n", 2);
    }
    to = copied(to, "\r\n", 2);
    copied(to, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body));
    return made;
}

static int send(PyObject *connection, PyObject *front, PyObject *answer, Taken *job, PyObject *idle_by)
{
    PyObject *transport = AT(connection, slot.transport);
    put(connection, slot.busy, Py_None);
    put(connection, slot.answer_by, infinity);
    if (add(front, s_bodies, job->body - PyBytes_GET_SIZE(job->data)) < 0)
        return -1;
    stand_said((Stand *)AT(connection, slot.stand), (uint64_t)PyBytes_GET_SIZE(answer), 0, 0);
    PyObject *by = AT(AT(connection, slot.reader), slot.by);
    if (PyFloat_CheckExact(by) && isinf(PyFloat_AS_DOUBLE(by)))
        put(connection, slot.idle_by, idle_by);
    Py_INCREF(transport);
    PyObject *sent = PyObject_CallMethodOneArg(transport, s_write, answer);
    Py_DECREF(transport);
    Py_XDECREF(sent);
    return sent ? 0 : -1;
}

/* By the connection, where more is to be done than to send it. */
static int say_by_python(Taken *job, PyObject *body, PyObject *headers, PyObject *id)
{
    PyObject *request = id ? taken_request(job, NULL) : NULL;
    int named = id == NULL ? 0 : request ? PyObject_SetAttr(request, s_id, id) : -1;
    PyObject *done = named == 0 ? PyObject_CallMethodObjArgs(job->connection, s_said, job, body, headers, NULL) : NULL;
    Py_XDECREF(request);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* say(bodies, ids, headers, small): every answer on its way, each by its connection where more is to be done than to
 * send it. `ids`: what the head of each answer calls it, or None. What one connection cannot send is nobody else's
 * trouble. */
static PyObject *batch_say(Batch *self, PyObject *args)
{
    PyObject *bodies, *ids, *headers;
    Py_ssize_t small;
    if (!PyArg_ParseTuple(args, "O!OO!n", &PyList_Type, &bodies, &ids, &PyBytes_Type, &headers, &small))
        return NULL;
    if (PyList_GET_SIZE(bodies) != self->count || self->count == 0)
        return PyErr_Format(PyExc_ValueError, "%zd answers to %zd requests", PyList_GET_SIZE(bodies), self->count);
    if (ids != Py_None && (!PyList_CheckExact(ids) || PyList_GET_SIZE(ids) != self->count))
        return PyErr_Format(PyExc_ValueError, "an id for each of %zd requests, or None", self->count);
    PyObject *front = Py_NewRef(AT(self->jobs[0]->connection, slot.front)); /* a server has one */
    PyObject *date = PyObject_GetAttr(front, s_date), *now = PyObject_GetAttr(front, s_now);
    PyObject *limits = PyObject_GetAttr(front, s_limits), *idle = limits ? PyObject_GetAttr(limits, s_idle) : NULL;
    PyObject *idle_by = now && idle ? PyNumber_Add(now, idle) : NULL;
    int draining = truth(front, s_draining), fine = date && PyBytes_CheckExact(date) && idle_by && draining >= 0;
    for (Py_ssize_t i = 0; fine && i < self->count; i++) {
        Taken *job = self->jobs[i];
        PyObject *connection = job->connection, *body = PyList_GET_ITEM(bodies, i);
        PyObject *id = ids == Py_None ? NULL : PyList_GET_ITEM(ids, i);
        int said;
        if (PyBytes_CheckExact(body) && PyBytes_GET_SIZE(body) <= small && !draining &&
            (id == NULL || PyBytes_CheckExact(id)) && says_plainly(connection, front, job)) {
            PyObject *answer = answer_of(body, date, headers, id ? PyBytes_AS_STRING(id) : NULL, id ? PyBytes_GET_SIZE(id) : 0);
            said = answer ? send(connection, front, answer, job, idle_by) : -1;
            Py_XDECREF(answer);
        }
        else
            said = say_by_python(job, body, headers, id);
        if (said < 0)
            PyErr_WriteUnraisable(connection);
    }
    Py_XDECREF(date);
    Py_XDECREF(now);
    Py_XDECREF(limits);
    Py_XDECREF(idle);
    Py_XDECREF(idle_by);
    Py_DECREF(front);
    if (!fine)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "the date is a line of bytes");
    Py_RETURN_NONE;
}

#include "records.h"

static PyMethodDef batch_methods[] = {
    {"records", (PyCFunction)batch_records, METH_VARARGS, "What the log of predictions keeps of them."},
    {"names", (PyCFunction)batch_names, METH_VARARGS, "An id for each."},
    {"say", (PyCFunction)batch_say, METH_VARARGS, "Every answer, on its way."},
    {NULL},
};

static PyMemberDef batch_members[] = {
    {"count", T_PYSSIZET, offsetof(Batch, count), READONLY, NULL},
    {"rows", T_PYSSIZET, offsetof(Batch, rows), READONLY, NULL},
    {"data", T_OBJECT_EX, offsetof(Batch, data), READONLY, "The numbers of all rows, packed."},
    {NULL},
};

static PyGetSetDef batch_getset[] = {
    {"jobs", (getter)batch_jobs, NULL, NULL, NULL},
    {"bodies", (getter)batch_bodies, NULL, NULL, NULL},
    {"ids", (getter)batch_ids, NULL, NULL, NULL},
    {"own", (getter)batch_own, NULL, NULL, NULL},
    {"sizes", (getter)batch_sizes, NULL, NULL, NULL},
    {"received", (getter)batch_received, NULL, NULL, NULL},
    {NULL},
};

static PyTypeObject BatchType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "arkwright.serve.native._native.Batch",
    .tp_doc = "Requests that go through the model in one run.",
    .tp_basicsize = sizeof(Batch),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = (destructor)batch_dealloc,
    .tp_methods = batch_methods,
    .tp_members = batch_members,
    .tp_getset = batch_getset,
};
