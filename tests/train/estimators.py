"""Estimators of every kind that is kept, fitted on a few rows; the same in every process."""

import numpy as np
import pandas as pd
import polars as pl
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV, SGDClassifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

ROWS = 120
SHUFFLED = KFold(3, shuffle=True, random_state=0)
RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame({"a": RNG.normal(size=ROWS), "b": RNG.normal(size=ROWS)})
MIXED = NUMBERS.assign(a=NUMBERS.a.where(NUMBERS.index % 7 > 0), c=RNG.choice(["x", "y", "zé"], ROWS))
CATEGORIES = MIXED.assign(c=MIXED.c.astype("category"))
VALUE = (NUMBERS.b * 2 + 0.1 * NUMBERS.a).to_numpy()
YES = (VALUE > 0).astype(int)
THREE = np.array(["low", "mid", "top"])[np.searchsorted([-1, 1], VALUE)]


def prepared(model):
    """The usual pipeline: numbers filled in and scaled, texts one-hot."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    parts = [("numbers", numbers, ["a", "b"]), ("texts", OneHotEncoder(handle_unknown="ignore"), ["c"])]
    return Pipeline([("prepare", ColumnTransformer(parts)), ("model", model)])


def only(transformer, columns, model):
    return make_pipeline(ColumnTransformer([("only", transformer, columns)], remainder="drop"), model)


def small(model, **more):
    return model(n_estimators=4, random_state=0, **more)


ESTIMATORS = {
    "logistic": lambda: (prepared(LogisticRegression()), MIXED, THREE),
    "logistic on polars": lambda: (LogisticRegression(), pl.from_pandas(NUMBERS), pl.Series(YES)),
    "ridge": lambda: (RidgeCV(), NUMBERS, VALUE),
    "sgd": lambda: (SGDClassifier(loss="log_loss", random_state=0), NUMBERS, YES),
    "bayes": lambda: (GaussianNB(), NUMBERS, YES),
    "tree": lambda: (DecisionTreeClassifier(random_state=0), NUMBERS, YES),
    "forest": lambda: (prepared(small(RandomForestClassifier)), MIXED, THREE),
    "extra trees": lambda: (small(ExtraTreesRegressor), NUMBERS, VALUE),
    "isolation": lambda: (small(IsolationForest, max_features=0.5), NUMBERS, None),
    "boosting": lambda: (small(GradientBoostingClassifier), NUMBERS, THREE),
    "boosted values": lambda: (small(GradientBoostingRegressor, loss="huber"), NUMBERS, VALUE),
    "histograms": lambda: (HistGradientBoostingClassifier(max_iter=4, random_state=0), MIXED[["a", "b"]], THREE),
    "histogram values": lambda: (
        HistGradientBoostingRegressor(max_iter=4, early_stopping=True, random_state=0),
        NUMBERS,
        VALUE,
    ),
    "adaboost": lambda: (small(AdaBoostClassifier), NUMBERS, YES),
    "bagging": lambda: (small(BaggingClassifier, max_features=0.5), NUMBERS, YES),
    "voting": lambda: (
        VotingClassifier([("l", LogisticRegression()), ("n", GaussianNB())], voting="soft"),
        NUMBERS,
        YES,
    ),
    "stacking": lambda: (StackingClassifier([("l", LogisticRegression()), ("n", GaussianNB())], cv=2), NUMBERS, YES),
    "vectors": lambda: (SVC(), NUMBERS, THREE),
    "vector values": lambda: (SVR(), NUMBERS, VALUE),
    "calibrated vectors": lambda: (CalibratedClassifierCV(SVC(), cv=StratifiedKFold(2)), NUMBERS, THREE),
    "calibrated by isotonic": lambda: (
        CalibratedClassifierCV(LinearSVC(random_state=0), method="isotonic", cv=2),
        NUMBERS,
        YES,
    ),
    "network": lambda: (MLPClassifier((4,), max_iter=400, tol=1e-1, random_state=0), NUMBERS, YES),
    "network values": lambda: (
        MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", max_iter=400, tol=1e-1, random_state=0),
        NUMBERS,
        VALUE,
    ),
    "neighbours": lambda: (prepared(KNeighborsClassifier()), MIXED, YES),
    "neighbours in a tree": lambda: (KNeighborsClassifier(algorithm="kd_tree"), NUMBERS, YES),
    "target encoder": lambda: (
        only(TargetEncoder(cv=SHUFFLED), ["c"], LogisticRegression()),
        MIXED,
        YES,
    ),
    "ordinal encoder": lambda: (only(OrdinalEncoder(), ["c"], small(RandomForestClassifier)), MIXED, YES),
    "column selector": lambda: (
        only(SimpleImputer(), make_column_selector(dtype_include=float), GaussianNB()),
        MIXED,
        YES,
    ),
    "ufunc": lambda: (make_pipeline(FunctionTransformer(np.abs), LogisticRegression()), NUMBERS, YES),
    "ufuncs of the target": lambda: (
        TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1),
        NUMBERS,
        VALUE**2,
    ),
    "lightgbm": lambda: (small(LGBMClassifier, verbose=-1), NUMBERS, THREE),
    "lightgbm with categories": lambda: (small(LGBMClassifier, verbose=-1), CATEGORIES, YES),
    "lightgbm values": lambda: (prepared(small(LGBMRegressor, verbose=-1)), MIXED, VALUE),
    "xgboost": lambda: (small(XGBClassifier), NUMBERS, YES),
    "xgboost values": lambda: (small(XGBRegressor), MIXED[["a", "b"]], VALUE),
}


def fitted(name):
    """The estimator, and the rows it was fitted on."""
    estimator, inputs, target = ESTIMATORS[name]()
    return estimator.fit(inputs, target), inputs
