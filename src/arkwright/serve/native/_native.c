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
enum { LONGEST_HEAD = 2048, LONGEST_FRAME = 1024, LONGEST_ID = 128 }; /* Python knows none that is longer */
static const uint64_t LARGEST = (1u << 22) - 1;

#include "standing.h"
#include "slots.h"
#include "numbers.h"
#include "turn.h"
#include "heads.h"
#include "take.h"
#include "batch.h"
#include "trees.h"

/* For tests: just so many numbers, packed, or None. */
static PyObject *read_numbers(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text;
    Py_ssize_t count;
    int item;
    if (!PyArg_ParseTuple(args, "Sni", &text, &count, &item))
        return NULL;
    const char *begin = PyBytes_AS_STRING(text), *end = begin + PyBytes_GET_SIZE(text);
    int some = count >= 0 && count <= 65536 && (item == 4 || item == 8);
    PyObject *made = some ? PyBytes_FromStringAndSize(NULL, count * item) : NULL;
    if (made != NULL && !numbers(begin, end, count, PyBytes_AS_STRING(made), item)) {
        Py_DECREF(made);
        made = Py_NewRef(Py_None);
    }
    return made ? made : PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "some numbers of 4 or 8 bytes");
}

static PyMethodDef functions[] = {
    {"know", know, METH_VARARGS, "know(connection, reader, head, request, monotonic): Python's classes."},
    {"take", (PyCFunction)(void (*)(void))take, METH_FASTCALL, "Whether a connection's bytes were a plain request."},
    {"logistic", logistic, METH_O, "logistic(sums) -> bytes: for each the chances of two classes."},
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
        {&s_picked, "picked"}, {&s_headers, "headers"}, {&s_wait, "wait"}, {&s_id, "id"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((*names[i].name = PyUnicode_InternFromString(names[i].text)) == NULL)
            return NULL;
    PyTypeObject *types[] = {&StandType, &TakenType, &TurnType, &BatchType, &TreesType};
    PyObject *made = (infinity = PyFloat_FromDouble(INFINITY)) ? PyModule_Create(&module) : NULL;
    for (int i = 0; made != NULL && i < 5; i++)
        if (PyModule_AddType(made, types[i]) < 0)
            Py_CLEAR(made);
    return made;
}
