/* Numbers as JSON writes them, to the bits that Python reads; those that take longer, by Python's own means. */

enum { MOST_DIGITS = 19 }; /* that fit in 64 bits */

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
