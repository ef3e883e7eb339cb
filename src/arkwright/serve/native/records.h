/* Answers as the log of predictions keeps them: `Record` of tap/segment.py, in MessagePack. */

enum { FIELDS = 11, LONGEST_FIELD = 9 }; /* bytes of a number, or before bytes */

static char *big_endian(char *to, char kind, uint64_t number, int size)
{
    *to++ = kind;
    for (int i = size - 1; i >= 0; i--)
        *to++ = (char)(number >> 8 * i);
    return to;
}

static char *pack_number(char *to, uint64_t number)
{
    if (number < 128) {
        *to = (char)number;
        return to + 1;
    }
    if (number <= UINT16_MAX)
        return big_endian(to, (char)0xcd, number, 2);
    return number <= UINT32_MAX ? big_endian(to, (char)0xce, number, 4) : big_endian(to, (char)0xcf, number, 8);
}

static char *pack_bytes(char *to, const char *from, Py_ssize_t size)
{
    to = size <= UINT8_MAX    ? big_endian(to, (char)0xc4, (uint64_t)size, 1)
         : size <= UINT16_MAX ? big_endian(to, (char)0xc5, (uint64_t)size, 2)
                              : big_endian(to, (char)0xc6, (uint64_t)size, 4);
    memcpy(to, from, (size_t)size);
    return to + size;
}

typedef struct {
    const char *text;
    Py_ssize_t size;
} Text;

static int text_of(PyObject *bytes, Text *text)
{
    if (!PyBytes_CheckExact(bytes)) {
        PyErr_SetString(PyExc_TypeError, "ids and answers are bytes");
        return -1;
    }
    *text = (Text){PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes)};
    return 0;
}

/* Who asked, what, by which id, and what was said. */
static int texts_of(Taken *job, PyObject *id, PyObject *said, Text texts[4])
{
    if (text_of(id, &texts[0]) < 0 || text_of(said, &texts[3]) < 0)
        return -1;
    texts[1].text = PyUnicode_AsUTF8AndSize(AT(job->connection, slot.caller), &texts[1].size);
    texts[2] = (Text){PyBytes_AS_STRING(job->data) + job->body, PyBytes_GET_SIZE(job->data) - job->body};
    return texts[1].text ? 0 : -1;
}

/* records(ids, said, now, at, release, flags) -> bytes: one for each request, answered well `now` (by the clock
 * `monotonic`; `at`: nanoseconds since 1970). */
static PyObject *batch_records(Batch *self, PyObject *args)
{
    PyObject *ids, *said, *made = NULL;
    double now;
    unsigned long long at, release, flags;
    if (!PyArg_ParseTuple(args, "O!O!dKKK", &PyList_Type, &ids, &PyList_Type, &said, &now, &at, &release, &flags))
        return NULL;
    if (PyList_GET_SIZE(ids) != self->count || PyList_GET_SIZE(said) != self->count)
        return PyErr_Format(PyExc_ValueError, "an id and an answer for each of %zd requests", self->count);
    Text(*texts)[4] = PyMem_Malloc((size_t)(self->count ? self->count : 1) * sizeof *texts);
    if (texts == NULL)
        return PyErr_NoMemory();
    Py_ssize_t size = 0;
    for (Py_ssize_t i = 0; i < self->count; i++) {
        if (texts_of(self->jobs[i], PyList_GET_ITEM(ids, i), PyList_GET_ITEM(said, i), texts[i]) < 0)
            goto done;
        size += 1 + FIELDS * LONGEST_FIELD + texts[i][0].size + texts[i][1].size + texts[i][2].size + texts[i][3].size;
    }
    if ((made = PyBytes_FromStringAndSize(NULL, size)) == NULL)
        goto done;
    char *to = PyBytes_AS_STRING(made);
    for (Py_ssize_t i = 0; i < self->count; i++) {
        double took = (now - self->jobs[i]->received) * 1e6;
        const uint64_t numbers[] = {at, took > 0 ? (uint64_t)took : 0, 200, flags, release, 0, 0};
        *to++ = (char)(0x90 | FIELDS);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            to = pack_number(to, numbers[k]);
        for (int k = 0; k < 4; k++)
            to = pack_bytes(to, texts[i][k].text, texts[i][k].size);
    }
    _PyBytes_Resize(&made, to - PyBytes_AS_STRING(made));
done:
    PyMem_Free(texts);
    return made;
}
