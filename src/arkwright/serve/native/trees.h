/* Ensembles of decision trees over floats: for each row the sum of the weights of the leaves that it comes to.
 *
 * No branch depends on a row's numbers, so none is guessed wrong: from a node a row goes to `left` or to the one behind
 * it, from a leaf to itself. LANES walks go on at once, since each step waits for the one before: of several rows through
 * one tree, or of one row through several. Weights are added up in the order of the trees, in floats, as ONNX Runtime
 * does it: the sum is the same to the bit. */

enum { LANES = 8, LONG = 8192 /* walks, a fraction of a millisecond: for more, others may run meanwhile */ };

typedef struct {
    float most;       /* a number up to this goes left */
    uint16_t left;    /* counted from the tree's root, which is its first node; a leaf's is itself */
    uint16_t feature; /* of a row */
} Node;

typedef struct {
    PyObject_HEAD
    Node *nodes;
    float *weights;   /* the leaves' */
    uint8_t *missing; /* of each node, whether a number that is missing goes left */
    uint32_t *roots;
    Py_ssize_t count, trees, width;
} Trees;

static void trees_dealloc(Trees *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(self->nodes);
    PyMem_Free(self->weights);
    PyMem_Free(self->missing);
    PyMem_Free(self->roots);
    type->tp_free((PyObject *)self);
}

/* Whether each node is in its tree and leads to later ones in it, or is a leaf, and every feature is a row's. */
static int are_sound(const Trees *self)
{
    for (Py_ssize_t tree = 0; tree < self->trees; tree++) {
        Py_ssize_t root = self->roots[tree], end = tree + 1 < self->trees ? (Py_ssize_t)self->roots[tree + 1] : self->count;
        if (root >= end || end > self->count || end - root > UINT16_MAX || (tree == 0 && root != 0))
            return 0;
        for (Py_ssize_t i = 0; i < end - root; i++) {
            const Node *node = &self->nodes[root + i];
            int leaf = node->left == i && node->most == INFINITY && self->missing[root + i];
            if (self->missing[root + i] > 1 || node->feature >= self->width || (!leaf && (node->left <= i || node->left + 1 >= end - root)))
                return 0;
        }
    }
    return 1;
}

static void *copy_of(PyObject *bytes)
{
    void *made = PyMem_Malloc((size_t)PyBytes_GET_SIZE(bytes));
    if (made != NULL)
        memcpy(made, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    return made;
}

/* Trees(nodes, weights, missing, roots, width): packed, so many bytes for each: 8, 4, 1; and 4 for a root. */
static int trees_init(Trees *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"nodes", "weights", "missing", "roots", "width", NULL};
    PyObject *nodes, *weights, *missing, *roots;
    if (self->nodes != NULL) {
        PyErr_SetString(PyExc_TypeError, "it is made");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "SSSSn", names, &nodes, &weights, &missing, &roots, &self->width))
        return -1;
    self->count = PyBytes_GET_SIZE(missing);
    self->trees = PyBytes_GET_SIZE(roots) / (Py_ssize_t)sizeof(uint32_t);
    if (self->trees < 1 || self->count > INT32_MAX || self->width > UINT16_MAX ||
        PyBytes_GET_SIZE(nodes) != self->count * (Py_ssize_t)sizeof(Node) ||
        PyBytes_GET_SIZE(weights) != self->count * (Py_ssize_t)sizeof(float)) {
        PyErr_SetString(PyExc_ValueError, "trees, and as many of everything as there are nodes");
        return -1;
    }
    self->nodes = copy_of(nodes);
    self->weights = copy_of(weights);
    self->missing = copy_of(missing);
    self->roots = copy_of(roots);
    if (self->nodes == NULL || self->weights == NULL || self->missing == NULL || self->roots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (!are_sound(self)) {
        PyErr_SetString(PyExc_ValueError, "a node leads to later ones of its tree, or is a leaf");
        return -1;
    }
    return 0;
}

/* Where walks begin, each through a tree for a row, and where they end. */
typedef struct {
    uint32_t root[LANES], at[LANES];
    const float *row[LANES];
} Walks;

static void walk(const Trees *self, Walks *walks)
{
    memset(walks->at, 0, sizeof walks->at);
    for (uint32_t moved = 1; moved;) {
        moved = 0;
        for (int k = 0; k < LANES; k++) {
            const Node *node = &self->nodes[walks->root[k] + walks->at[k]];
            uint32_t next = node->left + !(walks->row[k][node->feature] <= node->most);
            moved |= next ^ walks->at[k];
            walks->at[k] = next;
        }
    }
}

/* The same, of rows in which numbers may be missing. */
static void walk_missing(const Trees *self, Walks *walks)
{
    memset(walks->at, 0, sizeof walks->at);
    for (uint32_t moved = 1; moved;) {
        moved = 0;
        for (int k = 0; k < LANES; k++) {
            uint32_t at = walks->root[k] + walks->at[k];
            const Node *node = &self->nodes[at];
            float number = walks->row[k][node->feature];
            uint32_t next = node->left + !((number <= node->most) | ((number != number) & self->missing[at]));
            moved |= next ^ walks->at[k];
            walks->at[k] = next;
        }
    }
}

static void sum_all(const Trees *self, const float *rows, Py_ssize_t count, float *sums,
                    void (*go)(const Trees *, Walks *))
{
    Walks walks;
    Py_ssize_t together = count - count % LANES;
    for (Py_ssize_t i = 0; i < count; i++)
        sums[i] = 0;
    for (Py_ssize_t tree = 0; tree < self->trees; tree++)
        for (Py_ssize_t first = 0; first < together; first += LANES) {
            for (int k = 0; k < LANES; k++) {
                walks.root[k] = self->roots[tree];
                walks.row[k] = rows + (first + k) * self->width;
            }
            go(self, &walks);
            for (int k = 0; k < LANES; k++)
                sums[first + k] += self->weights[walks.root[k] + walks.at[k]];
        }
    for (Py_ssize_t i = together; i < count; i++)
        for (Py_ssize_t tree = 0; tree < self->trees; tree += LANES) {
            int some = self->trees - tree < LANES ? (int)(self->trees - tree) : LANES;
            for (int k = 0; k < LANES; k++) {
                walks.root[k] = self->roots[k < some ? tree + k : tree];
                walks.row[k] = rows + i * self->width;
            }
            go(self, &walks);
            for (int k = 0; k < some; k++)
                sums[i] += self->weights[walks.root[k] + walks.at[k]];
        }
}

/* run(rows) -> bytes: a float for each row of `width` floats. */
static PyObject *trees_run(Trees *self, PyObject *given)
{
    Py_buffer rows;
    if (self->roots == NULL)
        return PyErr_Format(PyExc_TypeError, "it is not made");
    if (PyObject_GetBuffer(given, &rows, PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    Py_ssize_t row = self->width * (Py_ssize_t)sizeof(float), count = rows.len / row;
    PyObject *made = rows.len % row || (uintptr_t)rows.buf % sizeof(float)
                         ? PyErr_Format(PyExc_ValueError, "rows of %zd floats", self->width)
                         : PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(float));
    if (made != NULL) {
        const float *numbers = rows.buf;
        int missing = 0;
        PyThreadState *others = count > LONG / self->trees ? PyEval_SaveThread() : NULL;
        for (Py_ssize_t i = 0; i < count * self->width; i++)
            missing |= numbers[i] != numbers[i];
        sum_all(self, numbers, count, (float *)PyBytes_AS_STRING(made), missing ? walk_missing : walk);
        if (others != NULL)
            PyEval_RestoreThread(others);
    }
    PyBuffer_Release(&rows);
    return made;
}

static float chance(float sum)
{
    float far = 1.f / (1.f + expf(-fabsf(sum)));
    return sum < 0 ? 1.f - far : far;
}

/* logistic(sums) -> bytes: of each sum the chances that it is not, and that it is, as ONNX Runtime has them. */
static PyObject *logistic(PyObject *Py_UNUSED(module), PyObject *given)
{
    Py_buffer sums;
    if (PyObject_GetBuffer(given, &sums, PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    Py_ssize_t count = sums.len / (Py_ssize_t)sizeof(float);
    PyObject *made = PyBytes_FromStringAndSize(NULL, 2 * count * (Py_ssize_t)sizeof(float));
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) {
        float sum, both[2];
        memcpy(&sum, (char *)sums.buf + i * (Py_ssize_t)sizeof sum, sizeof sum);
        both[0] = chance(-sum);
        both[1] = chance(sum);
        memcpy(PyBytes_AS_STRING(made) + i * (Py_ssize_t)sizeof both, both, sizeof both);
    }
    PyBuffer_Release(&sums);
    return made;
}

static PyMethodDef trees_methods[] = {
    {"run", (PyCFunction)trees_run, METH_O, "A float for each row."},
    {NULL},
};

static PyTypeObject TreesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "arkwright.serve.native._native.Trees",
    .tp_doc = "An ensemble of decision trees.",
    .tp_basicsize = sizeof(Trees),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)trees_init,
    .tp_dealloc = (destructor)trees_dealloc,
    .tp_methods = trees_methods,
};
