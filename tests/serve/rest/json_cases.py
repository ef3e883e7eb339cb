# ruff: noqa: E501 - tables read best as tables
"""JSON as strangers write it, in the manner of a parsing test suite: what must be read, what must be refused, and what
RFC 8259 leaves open, with what is done here. One table for each place where a value can stand.
"""

import json

# JSON text of a number -> the float it means
NUMBERS = {
    text: float(text)
    for text in [
        "0",
        "-0",
        "-0.0",
        "0.0",
        "1",
        "-1",
        "10",
        "123456789",
        "1.5",
        "-1.5",
        "0.1",
        "0.10",
        "1e0",
        "1E0",
        "1e+2",
        "1E+2",
        "1e-2",
        "1E-2",
        "0e1",
        "0e+1",
        "0E0",
        "-0e-0",
        "1.25e2",
        "1.0e-3",
        "20e1",
        "123e45",
        "123.456e78",
        "1.7976931348623157e308",
        "5e-324",
        "4.9e-324",
        "2.2250738585072014e-308",
        "1e-400",
        "-1e-400",
        "0e999999",
        "9007199254740993",
        "1e16",
        "0.30000000000000004",
        "123123e-100000",
        "1.000000000000000000000000000000000001",
        "1e00002",
        "1e-0",
    ]
}
NO_NUMBERS = """
NaN -NaN nan Infinity -Infinity +Infinity inf -inf 1e400 -1e400 1e309 -1e309 1.8e308 01 -01 00 -00 007 +1 ++1 -+1 --1 +0
.5 -.5 +.5 1. -1. 1.e1 0.e1 .e1 . - + -. e1 E1 -e1 1e 1E 1e+ 1e- 1E+ 1ee1 1e1e1 1e1.5 1e.5 1..2 1.2.3 1.5. 0x1 0X1F
0b1 0o7 1_000 1__0 1'000 1f 1d 1L 1n 1-1 1+1 1- 1/2 1,5 (1) $1 \uff11 \u0661 \u221e -\u221e
true false null True TRUE None undefined "1" "" "NaN" [] {} {"a":1} #1 \\u0031 1\\u0030 1e\u0001 1\u0000 \u00001
1\u00a0 \ufeff1 1; 1: '1' 1% 1e1000000000 -1e1000000000 0.1.2 2.e3 2.e+3 2.e-3 0.3e 0.3e+ 0e 0e+ 9.e+ 1a 1ea 1e1a -foo
"""
NO_NUMBERS = NO_NUMBERS.replace("\n", " ").strip().split(" ")
NO_NUMBERS += ["1 2", "- 1", "-\t1", "1e 1", "1 .5", "1. 5", "1 000", "9" * 400, ""]
WHOLE = {
    text: int(text)
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "42",
        "9223372036854775807",
        "-9223372036854775808",
        "9007199254740993",
        "10000000000",
    ]
}
NOT_WHOLE = [
    "1.0",
    "1.5",
    "-0.0",
    "1e0",
    "1e3",
    "1E3",
    "0e0",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "true",
    "false",
]
NOT_WHOLE += ['"1"', "null", "[]", "{}", "1e400", "9" * 30, "9" * 5000, "NaN", "0x1", "01", "1_0", "+1", "1.", "-", ""]

# JSON text of a string -> the text it means
STRINGS = {
    '""': "",
    '"a"': "a",
    '" "': " ",
    '"\\""': '"',
    '"\\\\"': "\\",
    '"\\/"': "/",
    '"/"': "/",
    '"\\b\\f\\n\\r\\t"': "\b\f\n\r\t",
    '"\\u0041"': "A",
    '"\\u00e9"': "é",
    '"\\u00E9"': "é",
    '"é"': "é",
    '"\\u20ac"': "€",
    '"\u20ac"': "€",
    '"\\ud83d\\ude00"': "😀",
    '"\\uD83D\\uDE00"': "😀",
    '"😀"': "😀",
    '"\\ud834\\udd1e"': "𝄞",
    '"\\udbff\\udfff"': "\U0010ffff",
    '"\U0010ffff"': "\U0010ffff",
    '"\\u0000"': "\0",
    '"a\\u0000b"': "a\0b",
    '"\\u001f"': "\x1f",
    '"\\u007f"': "\x7f",
    '"\x7f"': "\x7f",
    '"\u0080"': "\u0080",
    '"\\u2028\\u2029"': "\u2028\u2029",
    '"\u2028\u2029"': "\u2028\u2029",
    '"\ufeff"': "\ufeff",
    '"\\ufeff"': "\ufeff",
    '"\\uffff"': "\uffff",
    '"\uffff"': "\uffff",
    '"\\ufdd0"': "\ufdd0",
    '"e\u0301"': "e\u0301",
    '"\u202eabc"': "\u202eabc",
    '"/* no comment */"': "/* no comment */",
    '"// none"': "// none",
    '"\\\\u0041"': "\\u0041",
    '"\\\\\\""': '\\"',
    '"[{]},:"': "[{]},:",
    '"NaN"': "NaN",
    '"null"': "null",
    '"\'"': "'",
    '"\\u0022"': '"',
    '"\\u005c"': "\\",
    json.dumps("x" * 65536): "x" * 65536,
}
NO_STRINGS = [
    *(text.encode() for text in ["1", "1.5", "true", "false", "null", "[]", "{}", "a", "abc", "'a'", "`a`", 'u"a"', 'b"a"', '"a""b"']),
    b'"', b'"a', b'a"', b'"\\', b'"\\"', b'"a\\"', b'"\\a"', b'"\\x41"', b'"\\U0041"', b'"\\0"', b'"\\101"', b'"\\\'"',
    b'"\\v"', b'"\\ "', b'"\\e"', b'"\\\n"', b'"\\\xc3\xa9"', b'"\\u"', b'"\\u0"', b'"\\u00"', b'"\\u004"', b'"\\u004g"',
    b'"\\u 041"', b'"\\u+041"', b'"\\u-041"', b'"\\u{41}"', b'"\\u00 1"', b'"\\uD800"', b'"\\ud800"', b'"\\udbff"',
    b'"\\udc00"', b'"\\udfff"', b'"\\ud800a"', b'"\\ud800\\n"', b'"\\ud800\\u0041"', b'"\\ud800\\ud800"', b'"\\ud83d\\u"',
    b'"\\udc00\\ud800"', b'"\\ud83d\\ude0"', b'"\\ud83d\\\\ude00"', b'"\\ud83d\xf0\x9f\x98\x80"', b'"\\ud800\\uz"',
    b'"\0"', b'"\x01"', b'"\n"', b'"\r"', b'"\t"', b'"\x1f"', b'"a\x00"', b'"\x0b"', b'"\x1b[0m"',
    b'"\x80"', b'"\xbf"', b'"\xc0"', b'"\xc1\xbf"', b'"\xc0\xae"', b'"\xc0\x80"', b'"\xc3"', b'"\xc3("', b'"\xe0\x80\xaf"',
    b'"\xe0\x9f\xbf"', b'"\xe2\x82"', b'"\xe2(\xa1"', b'"\xed\xa0\x80"', b'"\xed\xbf\xbf"', b'"\xed\xa0\xbd\xed\xb8\x80"',
    b'"\xf0\x80\x80\xaf"', b'"\xf0\x9f\x98"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"', b'"\xf8\x88\x80\x80\x80"',
    b'"\xfc\x84\x80\x80\x80\x80"', b'"\xfe"', b'"\xff"', b'"\xff\xfe"', b'"\xe9"', b"\xe2\x80\x9ca\xe2\x80\x9d", b"",
]  # fmt: skip

# A whole document with @ where a good object stands -> whether it is read
DOCUMENTS = {
    "@": True, " @": True, "@ ": True, "\t@\n\r ": True, "\n\n\n@\n\n\n": True, "\r\n@\r\n": True,
    "\ufeff@": False, "\x0b@": False, "\x0c@": False, "\u00a0@": False, "\u2003@": False, "\u2060@": False, "\0@": False,
    "@\0": False, "@\ufeff": False, "@\x0b": False, "@\u00a0": False, "@x": False, "@1": False, "@@": False, "@ @": False,
    "@\n@": False, "@,": False, "@,@": False, ",@": False, "@}": False, "@]": False, "[@": False, "[@}": False, "]@": False,
    "}@": False, "{@}": False, "(@)": False, "<@>": False, "'@'": False, '"@"': False, "`@`": False, "@;": False,
    "@//": False, "@ // a": False, "@/**/": False, "/**/@": False, "/* a */ @": False, "# a\n@": False, "@ # a": False,
    "-- a\n@": False, "<!-- a --> @": False, "callback(@)": False, "var a = @": False, ")]}',\n@": False, "%40@": False,
    "@\x1a": False, "@\x04": False, "@\x00\x00": False, "data: @\n\n": False, "\x1e@\n": False, "--- @": False,
    "*@": False, "&@": False, "!@": False, "\\u007b}": False, "\\": False, "@\\": False, "@\u200b": False, "\u200b@": False,
}  # fmt: skip
# Whole documents that are no object of ours, well-formed or not
NO_DOCUMENTS = [
    *(text.encode() for text in (
        "", " ", "\n", "\t \r\n", "[", "]", "{", "}", "[]]", "{}}", "[[]", "{{}", "[}", "{]", "[1", "[1,", "[1,]", "[,1]", "[,]",
        "[1,,2]", "[1 2]", "[1;2]", "[1:2]", '["a" "b"]', "{,}", "{:}", "{1}", "{1:1}", "{null:1}", "{true:1}", "{[]:1}",
        "{{}:1}", "{a:1}", "{'a':1}", '{"a"}', '{"a":}', '{"a" 1}', '{"a"::1}', '{"a",1}', '{"a":1,}', '{,"a":1}',
        '{"a":1,,"b":2}', '{"a":1 "b":2}', '{"a":1;"b":2}', '{"a":1:2}', '{"a":1', '{"a":', '{"a"', '{"a', '{"', "{a",
        '{"a":1]', '{"a":[1}', '{"a":{"b":1}', "{...}", "[...]", "{}{}", "[][]", "{},{}", "nul", "nulll", "tru", "truee", "fals",
        "TRUE", "Null", "n", "t", "f", "-", '"', "\\", "'", "a", "*", "[*]", '["a', '["a",', '["a\\', '["\\u00', "[1,\n1\n,1", "[1e",
        "[-", "[tru", "[\x0c]", "[\u00a0]", "{}#", "{}//", "{}/**/", "{/**/}", "[/**/]", "{//\n}", "%", "\x00", "\x7f", "\u00e9", "=1",
        "a=1&b=2", "<xml/>", "%7B%7D", "1 2", "[]\x00", '{"a":1}\x00', '{"a":NaN}', '{"a":-Infinity}', '{"a":undefined}',
        '{"a":01}', '{"a":.5}', '{"a":1.}', '{"a":+1}', "{\"a\":'b'}", '{"a":"b}', '{"a":tru}', '{"a":[}', '{"a":]}',
        "null", "true", "false", "0", "1", "-1", "1.5", '"a"', '""', "[]", "{}", "[1]", "[null]", "[true]", "[[]]", "[{}]",
        "[[[]]]", "[[[[]]]]", '{"":0}', '{"":{}}', '{"a":1}', '{"a":[]}', '{"a":null}', '["a"]', "[1,2,3]", '{"\\u0000":1}',
        '{"a":1,"a":2}', '{"__proto__":1}', '{"__class__":1}', '{"$ref":"#"}', "[0,[1,[2,[3]]]]", '{"a":{"b":{"c":{}}}}',
    )),
    b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xff\xfe{\0}\0", b"\xfe\xff\0{\0}", b"\0{\0}", b"{\0}\0", b"\xef\xbb\xbf{}",
    b"\xef\xbb\xbf", b"\xef\xbb{}", b"\0\0\xfe\xff", b"\x1f\x8b\x08\0", b"\x93NUMPY", b"PK\x03\x04", b"\x80\x04K\x01.",
    b"[\xff]", b'{"\xff":1}', b'{"\xc0\xae":1}', b'{"a":\xff}', b"\xe5", b"[\xe5", b"[1\xe5]", b"[1e1\xe5]",
    b"[" * 250_000, b"[" * 101 + b"]" * 101, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000, b'{"":' * 600 + b"1" + b"}" * 600,
    b'[{"":' * 50_000, b'{"a":[' * 50_000, b"[" * 100_000 + b"{}" + b"]" * 100_000, b"[" * 33 + b"1" + b"]" * 33,
    b"[" + b"1," * 100_000 + b"1]", b'"' + b"a" * 2**20, b'{"' + b"k" * 2**20 + b'":1}', b"-" * 2**20, b"1" * 2**20,
    b" " * 2**20, b"[" + b" " * 2**20 + b"]", b"{" + b'"a":1,' * 100_000 + b'"a":1}', b"\\" * 2**20, b'"' + b"\\u0041" * 2**17,
]  # fmt: skip
