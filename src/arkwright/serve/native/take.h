/* Taking a request from its connection, where nothing is out of the ordinary. */

/* By the clock `monotonic`; negative when Python raised something. */
static double clock_now(void)
{
    PyObject *now = PyObject_CallNoArgs(monotonic);
    double seconds = now ? PyFloat_AsDouble(now) : -1;
    Py_XDECREF(now);
    return seconds;
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
    PyObject *const never[] = {s_gateway, s_draining, s_crowded};
    for (int i = 0; i < 3; i++) {
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

/* Count a request of its client's quota, if there is one: 1; 0 where it is used up and nothing was counted; or -1. */
static int within_quota(PyObject *connection, PyObject *front, double now)
{
    PyObject *quota = PyObject_GetAttr(front, s_quota);
    if (quota == NULL || quota == Py_None) {
        Py_XDECREF(quota);
        return quota ? 1 : -1;
    }
    PyObject *at = PyFloat_FromDouble(now);
    PyObject *wait = at ? PyObject_CallMethodObjArgs(quota, s_wait, AT(connection, slot.caller), at, NULL) : NULL;
    int over = wait ? PyObject_IsTrue(wait) : -1;
    Py_DECREF(quota);
    Py_XDECREF(at);
    Py_XDECREF(wait);
    return over < 0 ? -1 : !over;
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

static Taken *make_taken(PyObject *connection, PyObject *data, const Known *known, double now)
{
    Taken *made = PyObject_GC_New(Taken, &TakenType);
    if (made != NULL) {
        made->connection = Py_NewRef(connection);
        made->data = Py_NewRef(data);
        made->head = Py_NewRef(known->head);
        made->request = NULL;
        made->id = Py_XNewRef(known->id);
        made->trace = Py_XNewRef(known->trace);
        made->body = known->end;
        made->own = made->own_size = made->rows = 0;
        made->place = 0;
        made->gone = 0;
        made->received = made->read = now;
        made->deadline = now + PyFloat_AsDouble(AT(known->head, slot.timeout));
        PyObject_GC_Track(made);
    }
    return made;
}

/* Put a request in its turn: 1; 0 if it is not plain, or, unless that was looked at before, beyond its quota. */
static int take_in(Turn *turn, PyObject *connection, PyObject *data, const Known *known, double now, int counted)
{
    Py_ssize_t size = PyBytes_GET_SIZE(data) - known->end;
    if (turn->frames == NULL || turn->count >= turn->most || size > turn->largest ||
        AT(turn->cost, slot.heavy) != Py_False)
        return 0;
    PyObject *front = AT(connection, slot.front);
    const char *body = PyBytes_AS_STRING(data) + known->end, *own = body;
    Py_ssize_t own_size = 0;
    const char *behind_id = read_id(body, body + size, &own, &own_size);
    Py_ssize_t rows = read_rows(turn, body, behind_id, body + size);
    if (rows <= 0)
        return (int)rows;
    int within = counted ? 1 : within_quota(connection, front, now);
    if (within <= 0)
        return within;
    Taken *taken = make_taken(connection, data, known, now);
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
    if ((taken->read = clock_now()) < 0 || begin(connection, front, taken, size) < 0) {
        Py_DECREF(taken);
        return -1;
    }
    taken->rows = rows;
    taken->own = own - body;
    taken->own_size = behind_id ? own_size : 0;
    taken->place = turn->used;
    turn->used += (size_t)(rows * turn->width * turn->item);
    turn->jobs[turn->count++] = taken;
    return 1;
}

/* One of several releases is picked by `among`, whichever way the request goes: to pick twice would change the shares. */
static int take_among(PyObject *among, PyObject *connection, PyObject *data, const Known *known, double now)
{
    PyObject *front = AT(connection, slot.front);
    int within = within_quota(connection, front, now);
    if (within <= 0)
        return within;
    PyObject *headers = PyObject_GetAttr(known->head, s_headers); /* none of those said anew picks a release */
    PyObject *picked = headers ? PyObject_CallOneArg(among, headers) : NULL; /* the release, and its turn */
    Py_XDECREF(headers);
    if (picked == NULL)
        return -1;
    PyObject *turn = PyTuple_GET_ITEM(picked, 1);
    int taken = Py_IS_TYPE(turn, &TurnType) ? take_in((Turn *)turn, connection, data, known, now, 1) : 0;
    if (taken == 0) {
        Taken *one = make_taken(connection, data, known, now);
        taken = one && begin(connection, front, one, PyBytes_GET_SIZE(data) - known->end) == 0 ? 1 : -1;
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
static int take_by(const Known *known, PyObject *connection, PyObject *data)
{
    PyObject *turn = AT(known->head, slot.turn);
    if (turn == Py_None || PyLong_AsSsize_t(AT(known->head, slot.length)) != PyBytes_GET_SIZE(data) - known->end)
        return PyErr_Occurred() ? -1 : 0;
    int ordinary = is_ordinary(AT(connection, slot.front));
    if (ordinary <= 0)
        return ordinary;
    double now = clock_now();
    if (now < 0)
        return -1;
    Py_INCREF(turn);
    int taken = Py_IS_TYPE(turn, &TurnType) ? take_in((Turn *)turn, connection, data, known, now, 0)
                                            : take_among(turn, connection, data, known, now);
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
    Known known = {NULL};
    int taken = know_head(AT(connection, slot.front), PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), &known);
    if (taken > 0)
        taken = take_by(&known, connection, data);
    forget(&known);
    return taken < 0 ? NULL : PyBool_FromLong(taken);
}
