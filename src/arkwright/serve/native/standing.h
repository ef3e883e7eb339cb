/* How a connection stands: `PlainStand` of wire/standing.py, to the bit. */

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
