"""A transport without a socket: what was written to it, what of that is not taken yet, and how it ended."""


class Wire:
    def __init__(self):
        self.said, self.ended, self.reading, self.waiting = b"", "", True, 0

    def get_extra_info(self, name):
        return {"peername": ("127.0.0.1", 1), "socket": self}.get(name)

    def fileno(self):
        return 7

    def get_write_buffer_size(self):
        return self.waiting

    def write(self, data):
        assert not self.ended
        self.said += data

    def can_write_eof(self):
        return True

    def is_closing(self):
        return bool(self.ended)

    def write_eof(self):
        self.ended = "eof"

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def close(self):
        self.ended = self.ended or "closed"

    def abort(self):
        self.ended, self.waiting = "aborted", 0
