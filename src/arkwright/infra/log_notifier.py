"""Who is told, in its simplest form: one JSON line per notice in a file that people and log shippers can follow."""

from pathlib import Path

from arkwright.core.record import encode, now


class LogNotifier:
    """Appends `{"at": …, "subject": …, "text": …}` to the file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tell(self, subject: str, text: str) -> None:
        """Add one line; line breaks inside the text stay inside its JSON."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(encode({"at": now(), "subject": subject, "text": text}) + "\n")
