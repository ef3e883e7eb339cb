from arkwright.core.masked import HIDDEN, marks, masked

PEM = "-----BEGIN KEY-----\nMIIBVwIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"


def test_what_stands_in_secret_variables_is_hidden_wherever_it_stands():
    given = {
        "DB_PASSWORD": "correct horse",
        "MY_API_KEY": "correct horse battery",
        "SIGNING_KEY": PEM,
        "HOME": "/home/ana",
    }
    said = masked("correct horse battery, correct horse, MIIBVwIBADANBgkq, /home/ana", given)
    assert said == f"{HIDDEN}, {HIDDEN}, {HIDDEN}, /home/ana"


def test_what_is_too_short_to_be_told_from_words_stays():
    assert masked("a test", {"TOKEN": "test", "SECRET": ""}) == "a test"


def test_passwords_in_addresses():
    assert (
        masked("s3://u:p@h/x and https://user:pa:ss@h, mail a@b:c@d")
        == f"s3://u:{HIDDEN}@h/x and https://user:{HIDDEN}@h, mail a@b:c@d"
    )
    assert masked("http://host:80/a@b") == "http://host:80/a@b"


def test_another_process_masks_what_it_must_not_know(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "hunter2hunter2")
    monkeypatch.setenv("DB_PASSWORD", "tr0ub4dor")
    known = marks()
    monkeypatch.delenv("API_TOKEN")
    monkeypatch.delenv("DB_PASSWORD")
    assert "hunter2" not in repr(known)
    text = "a hunter2hunter2hunter2 tr0ub4dor, and not hunter2 alone"
    assert masked(text) == text
    assert masked(text, others=known) == f"a {HIDDEN}hunter2 {HIDDEN}, and not hunter2 alone"
    monkeypatch.setenv("API_TOKEN", "hunter2hunter2")  # who knows one looks for the other only
    assert masked(text, others=known) == f"a {HIDDEN}hunter2 {HIDDEN}, and not hunter2 alone"
