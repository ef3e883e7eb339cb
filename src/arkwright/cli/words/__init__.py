"""Every word of the command line, in the order in which a newcomer needs them."""

from typing import NamedTuple


class Word(NamedTuple):
    """One word. `module` in this folder holds `arguments(parser)` and `main(given)`."""

    name: str
    module: str
    summary: str
    examples: tuple[str, ...]


_LIST = (
    Word("new", "new", "Start a project: a small one that works, with tests.", ("arkwright new churn",
         "arkwright new delays --from flights")),
    Word("check", "check", "Rehearse the project without data: every mistake, with file and line.",
         ("arkwright check",)),
    Word("run", "run", "Walk the line: raw data to a release, or to a refusal with its reasons.",
         ("arkwright run", "arkwright run --by ana --seed 7")),
    Word("show", "show", "What there is: the project at a glance, or one thing by its name.",
         ("arkwright show", "arkwright show release:late@2", "arkwright show late --file README.md")),
    Word("inbox", "inbox", "What needs you: signatures, questions, what failed, what you were told.",
         ("arkwright inbox", "arkwright inbox --by ben --role operations")),
    Word("seen", "seen", "Mark what you were told as read.", ("arkwright seen 812 815", "arkwright seen --upto 820")),
    Word("runs", "runs", "Every run, filtered and sorted.", ("arkwright runs --state failed --since 7d",
         "arkwright runs --author ana --sort=-seconds")),
    Word("search", "search", "Full text over everything on record.", ("arkwright search late carriers",
         "arkwright search delays --kind comment --kind release")),
    Word("live", "live", "What was live at an endpoint at any time, and what its gate knew then.",
         ("arkwright live late", "arkwright live late 2026-03-31T08:00")),
    Word("profile", "profile", "A dataset in small pictures: ranges, gaps, shapes.",
         ("arkwright profile departures", "arkwright profile rows.csv")),
    Word("why", "why", "Why a release may or may not be deployed.", ("arkwright why late",)),
    Word("diff", "diff", "What differs between two versions.", ("arkwright diff late@1 late@2",
         "arkwright diff dataset:flights@1 dataset:flights@2")),
    Word("discuss", "discuss", "Say something about anything, ask, or go on with a thread.",
         ('arkwright discuss release:late@3 "Is carrier YV good enough? @ben" --question',
         'arkwright discuss 7 "Yes."')),
    Word("threads", "threads", "What was said: about a thing, or one thread.",
         ("arkwright threads", "arkwright threads release:late@3", "arkwright threads 7")),
    Word("amend", "amend", "Change or take back what you said.", ('arkwright amend 8 "Yes, since May."',
         "arkwright amend 8 --delete")),
    Word("answer", "answer", "Accept a comment as the answer, or say that it was helpful.",
         ("arkwright answer 8", "arkwright answer 8 --helpful", "arkwright answer 7 --answered")),
    Word("watch", "watch", "Hear of what happens to a thing.", ("arkwright watch endpoint:late",
         "arkwright watch release:late@3 --off")),
    Word("people", "people", "Who helps: points for accepted answers and helpful comments.", ("arkwright people",)),
    Word("sign", "sign", "Say Yes to exactly the bytes of a release.",
         ('arkwright sign late --by ben --role operations --reason "read the card"',)),
    Word("refuse", "refuse", "Say No to a release, with the reason.",
         ('arkwright refuse late --by ben --role operations --reason "carrier YV is too low"',)),
    Word("promote", "promote", "Move an endpoint to a release that passed its gate.",
         ("arkwright promote late", "arkwright promote late@3 --endpoint late")),
    Word("rollback", "rollback", "Move an endpoint back to the release before.",
         ('arkwright rollback late --reason "delays doubled"',)),
    Word("up", "up", "The control room: one page where everybody meets, on this machine.",
         ("arkwright up", "arkwright up --port 9000")),
    Word("invite", "invite", "Let a person in: an account, and the link with which they join.",
         ("arkwright invite ben --role contributor --signs operations",)),
    Word("accounts", "accounts", "Who may enter the control room, and what they may do.", ("arkwright accounts",)),
    Word("role", "role", "Change what an account may do, or shut it out.",
         ('arkwright role ben --to owner --reason "takes over"', 'arkwright role ben --to none --reason "left"')),
    Word("token", "token", "A secret with which a program acts for you; list them, end one.",
         ("arkwright token --to viewer --expires 30d --note ci", "arkwright token list", "arkwright token end ID")),
    Word("webhook", "webhook", "Have what happens told to an address: a program's, or a chat's.",
         ("arkwright webhook ci https://ci.example.org/hooks/arkwright --on releases --on moves",
          "arkwright webhook team https://hooks.slack.com/services/… --format slack", "arkwright webhook ci --rotate")),
    Word("webhooks", "webhooks", "Who is told what happens, and how that goes.", ("arkwright webhooks",)),
    Word("unhook", "unhook", "Tell an address nothing any more.", ("arkwright unhook ci",)),
    Word("mail", "mail", "Choose what you are told by mail.", ("arkwright mail", "arkwright mail mentions",
         "arkwright mail off")),
    Word("serve", "serve", "Answer: Open Inference Protocol v2 and raw rows over HTTP.",
         ("arkwright serve", "arkwright serve late --port 8080")),
    Word("predict", "predict", "Ask an endpoint's release about rows, without a server.",
         ("arkwright predict late rows.jsonl", "echo '{\"distance\": 900}' | arkwright predict late -")),
    Word("top", "top", "Watch a running server: requests, errors, percentiles, workers.",
         ("arkwright top", "arkwright top http://127.0.0.1:8080 --once --json")),
    Word("predictions", "predictions", "What an endpoint answered, with the labels that came later.",
         ("arkwright predictions late --since 1h", "arkwright predictions late --out late.parquet")),
    Word("label", "label", "Say what turned out to be true of a prediction.",
         ("arkwright label late --id 7f3a --label true", "arkwright label late --file labels.csv")),
    Word("again", "again", "Make a run's models again and compare every digest.",
         ("arkwright again", "arkwright again flights@3")),
    Word("measures", "measures", "Every measure a promise can speak of, or one in full.",
         ("arkwright measures", "arkwright measures recall")),
    Word("ledger", "ledger", "The record of everything: list it, or verify that nobody changed it.",
         ("arkwright ledger", "arkwright ledger verify", "arkwright ledger --about release:late@3 --since 7d",
         "arkwright ledger export > events.jsonl")),
    Word("doctor", "doctor", "Is this machine fit? Versions, engines, disk, the site's health.",
         ("arkwright doctor",)),
    Word("schema", "schema", "The JSON Schema of arkwright.toml, for editors.",
         ("arkwright schema > arkwright.schema.json",)),
    Word("completion", "completion", "A completion script for your shell: bash, zsh, fish and others.",
         ("arkwright completion bash > ~/.local/share/bash-completion/completions/arkwright",)),
)  # fmt: skip

WORDS: dict[str, Word] = {word.name: word for word in _LIST}


def overview() -> str:
    """What `arkwright --help` prints."""
    width = max(len(name) for name in WORDS)
    lines = [
        "Arkwright: raw data in, a model in production out, and every promise about it measured.",
        "",
        "usage: arkwright COMMAND [options]        arkwright COMMAND --help  says more, with examples",
        "",
        *(f"  {word.name:<{width}}  {word.summary}" for word in _LIST),
        "",
        "examples:",
        "  arkwright new churn && cd churn && arkwright run",
        "  arkwright why churn",
        "  arkwright serve",
    ]
    return "\n".join(lines)
