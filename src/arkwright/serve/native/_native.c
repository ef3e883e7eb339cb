/* The short way of plain requests, in C: what came on a quiet connection, is one whole request with a known head, and
 * asks for numbers within a known frame, is read and answered here. Nothing is decided here that Python does not decide
 * alike: where anything is out of the ordinary, `take` leaves all as it was and says False, and Python goes on. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { ANSWERED = 1, BUSY = 2, LAST = 3 };                 /* standing.py says what they are */
enum { SMALL_HEAD = 2048, LONGEST_FRAME = 1024, LONGEST_BODY = 65536, MOST_DIGITS = 19 };
static const uint64_t LARGEST = (1u << 22) - 1;

/* ---- how a connection stands ---- */

typedef struct {
    PyObject_HEAD
    Py_buffer numbers;
    size_t at, most;
    uint64_t busy, read;
} Stand;

static PyTypeObject StandType;

static int stand_init(Stand *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"numbers", "before", NULL};
    PyObject *numbers, *before = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O", names, &numbers, &before))
        return -1;
    if (self->numbers.obj != NULL)
        PyBuffer_Release(&self->numbers);
    if (PyObject_GetBuffer(numbers, &self->numbers, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0)
        return -1;
    self->at = 0;
    self->most = (size_t)self->numbers.len / 16;
    self->busy = BUSY;
    self->read = 0;
    if (self->most == 0) {
        PyErr_SetString(PyExc_ValueError, "two numbers for each descriptor are needed");
        return -1;
    }
    if (before != Py_None) {
        PyObject *sent = PyObject_GetAttrString(before, "sent"), *read = PyObject_GetAttrString(before, "read");
        if (sent != NULL && read != NULL) {
            self->busy = PyLong_AsUnsignedLongLongMask(sent) << 24 | BUSY;
            self->read = PyLong_AsUnsignedLongLongMask(read);
        }
        Py_XDECREF(sent);
        Py_XDECREF(read);
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

static void stand_dealloc(Stand *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->numbers.obj != NULL)
        PyBuffer_Release(&self->numbers);
    type->tp_free((PyObject *)self);
}

/* Another process reads them: each is written whole. None are there before `__init__`. */
static void note(Stand *self, size_t at, uint64_t number)
{
    if (self->numbers.obj != NULL)
        __atomic_store_n((uint64_t *)self->numbers.buf + at, number, __ATOMIC_RELEASE);
}

static PyObject *stand_begin(Stand *self, PyObject *fd)
{
    Py_ssize_t at = PyLong_AsSsize_t(fd);
    if (at == -1 && PyErr_Occurred())
        return NULL;
    self->at = at >= 0 && (size_t)at < self->most ? (size_t)at : 0;
    note(self, self->most + self->at, self->read);
    note(self, self->at, self->busy - BUSY + ANSWERED);
    Py_RETURN_NONE;
}

static PyObject *stand_came(Stand *self, PyObject *size)
{
    uint64_t more = PyLong_AsUnsignedLongLongMask(size);
    if (more == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    note(self, self->at, self->busy);
    note(self, self->most + self->at, self->read += more);
    Py_RETURN_NONE;
}

static PyObject *stand_interim(Stand *self, PyObject *size)
{
    uint64_t more = PyLong_AsUnsignedLongLongMask(size);
    if (more == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    note(self, self->at, self->busy += more << 24);
    Py_RETURN_NONE;
}

static void stand_said(Stand *self, uint64_t size, int last, int more)
{
    uint64_t before = self->busy, number = before + ((size < LARGEST ? size : LARGEST) << 2);
    self->busy = before + (size << 24);
    if (last)
        note(self, self->at, self->busy = number - BUSY + LAST);
    else
        note(self, self->at, more ? self->busy : number - BUSY + ANSWERED);
}

static PyObject *stand_answer(Stand *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"size", "last", "more", NULL};
    unsigned long long size;
    int last, more;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "K$pp", names, &size, &last, &more))
        return NULL;
    stand_said(self, size, last, more);
    Py_RETURN_NONE;
}

static PyObject *stand_end(Stand *self, PyObject *Py_UNUSED(nothing))
{
    note(self, self->at, 0);
    Py_RETURN_NONE;
}

static PyMethodDef stand_methods[] = {
    {"begin", (PyCFunction)stand_begin, METH_O, "It is this descriptor's, and quiet."},
    {"came", (PyCFunction)stand_came, METH_O, "So many bytes were read."},
    {"interim", (PyCFunction)stand_interim, METH_O, "So many bytes go out that are no answer."},
    {"answer", (PyCFunction)(void (*)(void))stand_answer, METH_VARARGS | METH_KEYWORDS, "An answer goes out."},
    {"end", (PyCFunction)stand_end, METH_NOARGS, "The descriptor is closed in a moment."},
    {NULL},
};

static PyTypeObject StandType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "arkwright.serve.native._native.Stand",
    .tp_doc = "How one connection stands: as `standing.Stand`.",
    .tp_basicsize = sizeof(Stand),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)stand_init,
    .tp_dealloc = (destructor)stand_dealloc,
    .tp_methods = stand_methods,
};

/* ---- what is known of Python's classes: where their slots are ---- */

static struct {
    Py_ssize_t deaf, paused, held, ahead, busy, queue, rest, reader, stand, transport, front, answer_by, idle_by;
    Py_ssize_t clean, continues, by;
    Py_ssize_t length, turn;
    Py_ssize_t heavy;
} slot;
static PyTypeObject *connection_type;
static PyObject *make_request, *monotonic, *infinity;
static PyObject *s_heads, *s_crowded, *s_quota, *s_gateway, *s_draining, *s_bodies, *s_limits, *s_answer_time, *s_idle;
static PyObject *s_now, *s_date, *s_write, *s_said, *s_picked, *s_headers;

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
        {reader, "clean", &slot.clean}, {reader, "continues", &slot.continues}, {reader, "by", &slot.by},
        {head, "length", &slot.length}, {head, "turn", &slot.turn},
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

/* ---- numbers as JSON writes them ---- */

static const double TENS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Digits over 10^places, places 1 to 19, rounded once: 128 bits over 64, and a sticky last bit for what is left. */
static double divided(uint64_t digits, int places)
{
    uint64_t by = 10;
    for (int i = 1; i < places; i++)
        by *= 10;
    int up = __builtin_clzll(digits), low = __builtin_clzll(by);
    unsigned __int128 whole = (unsigned __int128)(digits << up) << 63;
    by <<= low;
    uint64_t quotient = (uint64_t)(whole / by);
    return ldexp((double)(quotient | (whole % by != 0)), low - up - 63);
}

/* One that takes longer, which ends at `end` and is followed by something that is no part of a number. */
static int slowly(const char **at, const char *end, double *value)
{
    char *behind;
    *value = PyOS_string_to_double(*at, &behind, NULL);
    if (PyErr_Occurred())
        PyErr_Clear();
    else if (behind == end && !isinf(*value)) {
        *at = end;
        return 1;
    }
    return 0;
}

/* One number from `*at`, before `end`. 0: it is none, or one that Python should read. */
static int number(const char **at, const char *end, double *value)
{
    const char *p = *at;
    int minus = p < end && *p == '-';
    p += minus;
    if (p >= end || *p < '0' || *p > '9')
        return 0;
    uint64_t digits = 0;
    int count = 0, places = 0, power = 0, whole = 1;
    if (*p == '0')
        p++;
    else
        for (; p < end && *p >= '0' && *p <= '9'; p++, count++)
            digits = digits * 10 + (uint64_t)(*p - '0');
    if (p < end && *p == '.') {
        const char *begin = ++p;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
            digits = digits * 10 + (uint64_t)(*p - '0');
            count += count > 0 || *p != '0';
        }
        if (p == begin || p - begin > 400)
            return 0;
        places = (int)(p - begin);
        whole = 0;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        int down = p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        const char *begin = p;
        for (; p < end && *p >= '0' && *p <= '9' && p - begin < 4; p++)
            power = power * 10 + (*p - '0');
        if (p == begin || (p < end && *p >= '0' && *p <= '9'))
            return 0;
        power = down ? -power : power;
        whole = 0;
    }
    power -= places;
    double found;
    if (count > MOST_DIGITS) /* then `digits` went round */
        return slowly(at, p, value);
    if (digits == 0) {
        if (minus && whole)
            return 0; /* an integer has no sign there */
        found = 0.0;
    }
    else if (power == 0)
        found = (double)digits;
    else if (digits <= (1ull << 53) && power >= -22 && power <= 22)
        found = power < 0 ? (double)digits / TENS[-power] : (double)digits * TENS[power];
    else if (power < 0 && power >= -19)
        found = divided(digits, -power);
    else
        return slowly(at, p, value);
    *value = minus ? -found : found;
    *at = p;
    return 1;
}

static const char *blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* Just so many numbers in brackets, to `to`: of 4 or 8 bytes. 0: it is not that. */
static int numbers(const char *p, const char *end, Py_ssize_t count, char *to, int item)
{
    if (p >= end || *p++ != '[')
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        double value;
        if (i > 0) {
            p = blank(p, end);
            if (p >= end || *p++ != ',')
                return 0;
        }
        p = blank(p, end);
        if (!number(&p, end, &value))
            return 0;
        if (item == 8)
            memcpy(to + 8 * i, &value, 8);
        else {
            float single = (float)value;
            if (isinf(single))
                return 0;
            memcpy(to + 4 * i, &single, 4);
        }
    }
    p = blank(p, end);
    return p + 1 == end && *p == ']';
}

/* ---- a request that was taken, and those of one turn ---- */

typedef struct {
    PyObject_HEAD
    PyObject *connection, *data, *head, *request;
    Py_ssize_t body, rows;
    size_t place;
    double received;
    long gone;
} Taken;

typedef struct {
    PyObject_HEAD
    PyObject *frames, *cost, *first;
    Py_ssize_t width, most, most_rows;
    int item;
    char ready;
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
    if (self->request == NULL) {
        PyObject *body = taken_body(self, NULL);
        if (body == NULL)
            return NULL;
        self->request = PyObject_CallFunction(make_request, "OOOdl", self->head, body, self->connection,
                                              self->received, self->gone);
        Py_DECREF(body);
    }
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
    PyObject_GC_Del(self);
}

static PyMemberDef taken_members[] = {
    {"connection", T_OBJECT_EX, offsetof(Taken, connection), READONLY, NULL},
    {"rows", T_PYSSIZET, offsetof(Taken, rows), READONLY, NULL},
    {"received", T_DOUBLE, offsetof(Taken, received), READONLY, NULL},
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
    static char *names[] = {"frames", "cost", "first", "width", "item", "most", "most_rows", NULL};
    PyObject *frames, *cost, *first;
    if (self->frames != NULL) {
        PyErr_SetString(PyExc_TypeError, "it is begun");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO$ninn", names, &PyDict_Type, &frames, &cost, &first,
                                     &self->width, &self->item, &self->most, &self->most_rows))
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
    self->ready = 0;
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
    self->ready = 0;
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

/* The rows of a body behind those that came before, if it is a frame that is known with numbers in it; 0 if not, -1 when
 * Python raised something. */
static Py_ssize_t read_rows(Turn *self, const char *body, const char *end)
{
    static const char DATA[] = "\"data\":";
    const char *found = memmem(body, (size_t)(end - body), DATA, sizeof DATA - 1);
    const char *open = found ? memchr(found, '[', (size_t)(end - found)) : NULL;
    if (open == NULL || open - body > LONGEST_FRAME)
        return 0;
    const char *close = memchr(open, ']', (size_t)(end - open));
    if (close == NULL)
        return 0;
    close++;
    PyObject *before = PyBytes_FromStringAndSize(body, open - body);
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

/* The sum of an attribute and so much; `most`: not if it is above that before. 1, 0 or -1. */
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

/* Nothing waits before these bytes, and nothing is out of the ordinary with the connection. */
static int is_quiet(PyObject *connection)
{
    PyObject *reader = AT(connection, slot.reader), *rest = AT(connection, slot.rest);
    return AT(connection, slot.deaf) == Py_False && AT(connection, slot.paused) == Py_False &&
           AT(connection, slot.busy) == Py_None && AT(connection, slot.transport) != Py_None &&
           PyBytes_CheckExact(rest) && PyBytes_GET_SIZE(rest) == 0 && Py_SIZE(AT(connection, slot.queue)) == 0 &&
           AT(reader, slot.clean) == Py_True;
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

/* A borrowed head that is known and ends at `*end`. NULL: none, or an error. */
static PyObject *known_head(PyObject *front, const char *data, Py_ssize_t size, Py_ssize_t *end)
{
    const char *found = memmem(data, (size_t)size, "\r\n\r\n", 4);
    if (found == NULL || found - data > SMALL_HEAD)
        return NULL;
    *end = found + 4 - data;
    PyObject *heads = PyObject_GetAttr(front, s_heads), *key = PyBytes_FromStringAndSize(data, *end);
    PyObject *head = heads && key && PyDict_Check(heads) ? PyDict_GetItemWithError(heads, key) : NULL;
    Py_XDECREF(heads); /* the front holds it */
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
    if (!turn->ready || turn->frames == NULL || turn->count >= turn->most || size - end > LONGEST_BODY ||
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

/* take(connection, data) -> bool */
static PyObject *take(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || connection_type == NULL || !PyObject_TypeCheck(args[0], connection_type))
        return PyErr_Format(PyExc_TypeError, "take(connection, data)");
    PyObject *connection = args[0], *data = args[1];
    if (!PyBytes_CheckExact(data) || !is_quiet(connection))
        Py_RETURN_FALSE;
    PyObject *front = AT(connection, slot.front);
    Py_ssize_t end = 0, size = PyBytes_GET_SIZE(data);
    PyObject *head = known_head(front, PyBytes_AS_STRING(data), size, &end);
    if (head == NULL)
        return PyErr_Occurred() ? NULL : PyBool_FromLong(0);
    PyObject *turn = AT(head, slot.turn);
    if (turn == Py_None || PyLong_AsSsize_t(AT(head, slot.length)) != size - end)
        return PyErr_Occurred() ? NULL : PyBool_FromLong(0);
    int ordinary = is_ordinary(front);
    if (ordinary <= 0)
        return ordinary < 0 ? NULL : PyBool_FromLong(0);
    Py_INCREF(head);
    int taken;
    if (Py_IS_TYPE(turn, &TurnType)) {
        Py_INCREF(turn);
        taken = take_in((Turn *)turn, connection, front, data, head, end);
        Py_DECREF(turn);
    }
    else { /* one of several releases: to pick twice would change the shares */
        PyObject *headers = PyObject_GetAttr(head, s_headers);
        PyObject *lane = headers ? PyObject_CallOneArg(turn, headers) : NULL; /* the release, and its turn */
        PyObject *its = lane ? PyTuple_GET_ITEM(lane, 1) : NULL;
        taken = its == NULL ? -1 : 0;
        if (its != NULL && Py_IS_TYPE(its, &TurnType))
            taken = take_in((Turn *)its, connection, front, data, head, end);
        if (taken == 0) {
            Taken *one = make_taken(connection, data, head, end);
            if (one == NULL || begin(connection, front, one, size - end) < 0)
                taken = -1;
            else {
                PyObject *done = PyObject_CallMethodObjArgs(connection, s_picked, one, PyTuple_GET_ITEM(lane, 0), NULL);
                taken = done ? 1 : -1;
                Py_XDECREF(done);
            }
            Py_XDECREF(one);
        }
        Py_XDECREF(headers);
        Py_XDECREF(lane);
    }
    Py_DECREF(head);
    return taken < 0 ? NULL : PyBool_FromLong(taken);
}

/* ---- a batch of them: what is computed and answered together ---- */

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

/* batch(late, most_rows) -> (Batch | None, those that go the long way): the first that wait, no more rows than that; not
 * those whom nobody waits for any more, nor those received before `late`. */
static PyObject *turn_batch(Turn *self, PyObject *args)
{
    double late;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "dn", &late, &most))
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
        if (one->gone || one->received < late) {
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
    {"close", (PyCFunction)turn_close, METH_NOARGS, "Take no more, whoever says that it is ready."},
    {NULL},
};

static PyMemberDef turn_members[] = {
    {"ready", T_BOOL, offsetof(Turn, ready), 0, "Whether requests are taken here."},
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

static PyObject *batch_jobs(Batch *self, void *Py_UNUSED(nothing))
{
    PyObject *list = PyList_New(self->count);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        Py_INCREF(self->jobs[i]);
        PyList_SET_ITEM(list, i, (PyObject *)self->jobs[i]);
    }
    return list;
}

static PyObject *batch_bodies(Batch *self, void *Py_UNUSED(nothing))
{
    PyObject *list = PyList_New(self->count);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        PyObject *body = taken_body(self->jobs[i], NULL);
        if (body == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, body);
    }
    return list;
}

/* How many rows each has; None where it is one. */
static PyObject *batch_sizes(Batch *self, void *Py_UNUSED(nothing))
{
    if (self->rows == self->count)
        Py_RETURN_NONE;
    PyObject *list = PyList_New(self->count);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        PyObject *size = PyLong_FromSsize_t(self->jobs[i]->rows);
        if (size == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, size);
    }
    return list;
}

/* When each came. */
static PyObject *batch_received(Batch *self, void *Py_UNUSED(nothing))
{
    PyObject *list = PyList_New(self->count);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        PyObject *when = PyFloat_FromDouble(self->jobs[i]->received);
        if (when == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, when);
    }
    return list;
}

/* Nothing came behind the request, and its connection sends and reads as ever. */
static int says_plainly(PyObject *connection, PyObject *front, Taken *job)
{
    PyObject *reader = AT(connection, slot.reader), *rest = AT(connection, slot.rest);
    return AT(connection, slot.busy) == (PyObject *)job && AT(connection, slot.front) == front &&
           AT(connection, slot.transport) != Py_None && AT(connection, slot.held) == Py_False && AT(connection, slot.ahead) == Py_False &&
           PyBytes_CheckExact(rest) && PyBytes_GET_SIZE(rest) == 0 && Py_SIZE(AT(connection, slot.queue)) == 0 &&
           AT(reader, slot.clean) == Py_True && AT(reader, slot.continues) == Py_False &&
           Py_IS_TYPE(AT(connection, slot.stand), &StandType);
}

static char *copied(char *to, const char *from, Py_ssize_t size)
{
    memcpy(to, from, (size_t)size);
    return to + size;
}

static PyObject *answer_of(PyObject *body, PyObject *date, PyObject *headers)
{
    static const char OPEN[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
    char length[24];
    int digits = PyOS_snprintf(length, sizeof length, "%zd\r\n", PyBytes_GET_SIZE(body));
    Py_ssize_t size = (Py_ssize_t)sizeof OPEN - 1 + digits + PyBytes_GET_SIZE(date) + PyBytes_GET_SIZE(headers) + 2 +
                      PyBytes_GET_SIZE(body);
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL)
        return NULL;
    char *to = copied(PyBytes_AS_STRING(made), OPEN, sizeof OPEN - 1);
    to = copied(to, length, digits);
    to = copied(to, PyBytes_AS_STRING(date), PyBytes_GET_SIZE(date));
    to = copied(to, PyBytes_AS_STRING(headers), PyBytes_GET_SIZE(headers));
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

/* say(bodies, headers, small): every answer on its way, each by its connection where more is to be done than to
 * send it. What one connection cannot send is nobody else's trouble. */
static PyObject *batch_say(Batch *self, PyObject *args)
{
    PyObject *bodies, *headers;
    Py_ssize_t small;
    if (!PyArg_ParseTuple(args, "O!O!n", &PyList_Type, &bodies, &PyBytes_Type, &headers, &small))
        return NULL;
    if (PyList_GET_SIZE(bodies) != self->count || self->count == 0)
        return PyErr_Format(PyExc_ValueError, "%zd answers to %zd requests", PyList_GET_SIZE(bodies), self->count);
    PyObject *front = Py_NewRef(AT(self->jobs[0]->connection, slot.front)); /* a server has one */
    PyObject *date = PyObject_GetAttr(front, s_date), *now = PyObject_GetAttr(front, s_now);
    PyObject *limits = PyObject_GetAttr(front, s_limits), *idle = limits ? PyObject_GetAttr(limits, s_idle) : NULL;
    PyObject *idle_by = now && idle ? PyNumber_Add(now, idle) : NULL;
    int draining = truth(front, s_draining), fine = date && PyBytes_CheckExact(date) && idle_by && draining >= 0;
    for (Py_ssize_t i = 0; fine && i < self->count; i++) {
        Taken *job = self->jobs[i];
        PyObject *connection = job->connection, *body = PyList_GET_ITEM(bodies, i);
        int said;
        if (PyBytes_CheckExact(body) && PyBytes_GET_SIZE(body) <= small && !draining && says_plainly(connection, front, job)) {
            PyObject *answer = answer_of(body, date, headers);
            said = answer ? send(connection, front, answer, job, idle_by) : -1;
            Py_XDECREF(answer);
        }
        else {
            PyObject *done = PyObject_CallMethodObjArgs(connection, s_said, job, body, headers, NULL);
            said = done ? 0 : -1;
            Py_XDECREF(done);
        }
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

static PyMethodDef batch_methods[] = {
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

/* For tests: just so many numbers, packed, or None. */
static PyObject *read_numbers(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text;
    Py_ssize_t count;
    int item;
    if (!PyArg_ParseTuple(args, "Sni", &text, &count, &item))
        return NULL;
    const char *begin = PyBytes_AS_STRING(text), *end = begin + PyBytes_GET_SIZE(text);
    PyObject *made = count < 0 || count > LONGEST_BODY || (item != 4 && item != 8) ? NULL : PyBytes_FromStringAndSize(NULL, count * item);
    if (made != NULL && !numbers(begin, end, count, PyBytes_AS_STRING(made), item)) {
        Py_DECREF(made);
        made = Py_NewRef(Py_None);
    }
    return made ? made : PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "some numbers of 4 or 8 bytes");
}

static PyMethodDef functions[] = {
    {"know", know, METH_VARARGS, "know(connection, reader, head, request, monotonic): Python's classes."},
    {"take", (PyCFunction)(void (*)(void))take, METH_FASTCALL, "Whether a connection's bytes were a plain request."},
    {"numbers", read_numbers, METH_VARARGS, "numbers(text, count, item) -> bytes | None"},
    {NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "arkwright.serve.native._native",
    .m_doc = "The short way of plain requests.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void)
{
    struct { PyObject **name; const char *text; } names[] = {
        {&s_heads, "heads"}, {&s_crowded, "crowded"}, {&s_quota, "quota"}, {&s_gateway, "gateway"},
        {&s_draining, "draining"}, {&s_bodies, "bodies"}, {&s_limits, "limits"}, {&s_answer_time, "answer_time"},
        {&s_idle, "idle"}, {&s_now, "now"}, {&s_date, "date"}, {&s_write, "write"}, {&s_said, "said"},
        {&s_picked, "picked"}, {&s_headers, "headers"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((*names[i].name = PyUnicode_InternFromString(names[i].text)) == NULL)
            return NULL;
    PyTypeObject *types[] = {&StandType, &TakenType, &TurnType, &BatchType};
    PyObject *made = (infinity = PyFloat_FromDouble(INFINITY)) ? PyModule_Create(&module) : NULL;
    for (int i = 0; made != NULL && i < 4; i++)
        if (PyModule_AddType(made, types[i]) < 0)
            Py_CLEAR(made);
    return made;
}
