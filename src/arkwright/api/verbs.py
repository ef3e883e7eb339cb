"""The list of verbs. Faces find them here; each has its CLI word, docs line and test, and a script checks that."""

VERBS: dict[str, str] = {
    "new": "arkwright.api.start:new",
    "check": "arkwright.api.build:check",
    "run": "arkwright.api.build:run",
    "again": "arkwright.api.build:again",
    "profile": "arkwright.api.look:profile",
    "show": "arkwright.api.look:show",
    "diff": "arkwright.api.look:diff",
    "measures": "arkwright.api.look:measures",
    "ledger": "arkwright.api.look:ledger",
    "doctor": "arkwright.api.doctor:doctor",
    "why": "arkwright.api.decide:why",
    "sign": "arkwright.api.decide:sign",
    "refuse": "arkwright.api.decide:refuse",
    "promote": "arkwright.api.rollout:promote",
    "rollback": "arkwright.api.rollout:rollback",
    "serve": "arkwright.api.traffic:serve",
    "predict": "arkwright.api.answer:predict",
    "top": "arkwright.api.watch:top",
    "predictions": "arkwright.api.logged:predictions",
    "label": "arkwright.api.logged:label",
}
