/* Heads that came before, but for what clients say anew each time. */

enum { LONGEST_VALUE = 128, MOST_ANEW = 2 };

typedef struct {
    PyObject *head, *names[MOST_ANEW], *id, *trace; /* the last three where they are said anew, else NULL */
    Py_ssize_t end;                                 /* of the head, in the data */
} Known;

static void forget(Known *known)
{
    Py_CLEAR(known->head);
    for (int i = 0; i < MOST_ANEW; i++)
        Py_CLEAR(known->names[i]);
    Py_CLEAR(known->id);
    Py_CLEAR(known->trace);
}

/* One of the lines that are said anew, at its name: where its value begins, and to whom it belongs; NULL for others. */
static const char *anew(const char *line, const char *end, Known *known, PyObject ***whose)
{
    static const char *const lines[] = {"x-request-id: ", "traceparent: "};
    PyObject **const places[] = {&known->id, &known->trace};
    for (int i = 0; i < MOST_ANEW; i++) {
        size_t size = strlen(lines[i]);
        if ((size_t)(end - line) > size && PyOS_strnicmp(line, lines[i], (Py_ssize_t)size) == 0) {
            *whose = places[i];
            return line + size;
        }
    }
    return NULL;
}

/* `parted` of wire/parted.py: what remains of a head is copied to `rest`; how many lines were said anew, or -1 when
 * Python raised something. Of a line that stands there twice, or is not a plain one, nothing is taken out. */
static int part(const char *head, const char *end, char *rest, Py_ssize_t *size, Known *known)
{
    int count = 0;
    char *to = rest;
    for (const char *next; head < end; head = next) {
        next = memchr(head, '\n', (size_t)(end - head)); /* a line's end, if a return stands before it */
        next = next ? next + 1 : end;
        PyObject **whose = NULL;
        const char *value = to > rest + 1 && to[-1] == '\n' && to[-2] == '\r' ? anew(head, end, known, &whose) : NULL;
        const char *behind = value;
        while (behind && behind < end && *behind > ' ' && *behind < 127)
            behind++;
        if (value && behind > value && behind - value <= LONGEST_VALUE && end - behind >= 2 && behind[0] == '\r' &&
            behind[1] == '\n' && *whose == NULL) {
            Py_ssize_t name = value - 2 - head;
            if ((known->names[count] = PyBytes_FromStringAndSize(head, name)) == NULL ||
                (*whose = PyBytes_FromStringAndSize(value, behind - value)) == NULL)
                return -1;
            count++;
            continue;
        }
        memcpy(to, head, (size_t)(next - head));
        to += next - head;
    }
    *size = to - rest;
    return count;
}

static PyObject *looked_up(PyObject *heads, PyObject *key)
{
    PyObject *head = key ? PyDict_GetItemWithError(heads, key) : NULL;
    Py_XINCREF(head);
    Py_XDECREF(key);
    return head;
}

/* The head without what is said anew, then the names of that, as they were written. */
static PyObject *parted_key(const char *rest, Py_ssize_t size, int count, Known *known)
{
    PyObject *key = PyTuple_New(1 + count), *text = key ? PyBytes_FromStringAndSize(rest, size) : NULL;
    if (text == NULL) {
        Py_XDECREF(key);
        return NULL;
    }
    PyTuple_SET_ITEM(key, 0, text);
    for (int i = 0; i < count; i++)
        PyTuple_SET_ITEM(key, 1 + i, Py_NewRef(known->names[i]));
    return key;
}

/* Whether these bytes begin with a head that is known: 1, 0, or -1. */
static int know_head(PyObject *front, const char *data, Py_ssize_t size, Known *known)
{
    const char *found = memmem(data, (size_t)size, "\r\n\r\n", 4);
    if (found == NULL || found - data > LONGEST_HEAD)
        return 0;
    known->end = found + 4 - data;
    PyObject *heads = PyObject_GetAttr(front, s_heads);
    if (heads == NULL || !PyDict_Check(heads)) {
        Py_XDECREF(heads);
        return PyErr_Occurred() ? -1 : 0;
    }
    known->head = looked_up(heads, PyBytes_FromStringAndSize(data, known->end));
    if (known->head == NULL && !PyErr_Occurred() && *data != '\r' && *data != '\n') {
        char rest[LONGEST_HEAD + 4];
        Py_ssize_t left = 0;
        int count = part(data, data + known->end, rest, &left, known);
        if (count > 0)
            known->head = looked_up(heads, parted_key(rest, left, count, known));
    }
    Py_DECREF(heads);
    return known->head ? 1 : PyErr_Occurred() ? -1 : 0;
}
