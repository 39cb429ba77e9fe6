"""Time series."""

import datetime as dt

import numpy as np

from .parts import (
    stands_in_for,
    zipped,
)

_JENA = [
    "p (mbar)",
    "T (degC)",
    "Tpot (K)",
    "Tdew (degC)",
    "rh (%)",
    "VPmax (mbar)",
    "VPact (mbar)",
    "VPdef (mbar)",
    "sh (g/kg)",
    "H2OC (mmol/mol)",
    "rho (g/m**3)",
    "wv (m/s)",
    "max. wv (m/s)",
    "wd (deg)",
]


@stands_in_for(r"jena_climate_2009_2016\.csv")
def _jena(rng, rows=12_000):
    start = dt.datetime(2009, 1, 1, tzinfo=dt.timezone.utc)
    values = rng.normal(10, 3, (rows, 14)) + 5 * np.sin(np.arange(rows) / 23)[:, None]
    lines = [",".join(['"Date Time"', *(f'"{name}"' for name in _JENA)])]
    for row in range(rows):
        when = (start + dt.timedelta(minutes=10 * row)).strftime("%d.%m.%Y %H:%M:%S")
        lines.append(",".join([when, *(f"{value:.2f}" for value in values[row])]))
    return zipped({"jena_climate_2009_2016.csv": "\n".join(lines)})


@stands_in_for(r"NAB/master/data/.*/art_daily_(\w+)\.csv")
def _daily(rng, kind):
    start = dt.datetime(2014, 4, 1, tzinfo=dt.timezone.utc)
    lines = ["timestamp,value"]
    for row in range(1200):
        when = start + dt.timedelta(minutes=5 * row)
        jump = 60 if kind == "jumpsup" and 900 < row < 940 else 0
        lines.append(f"{when:%Y-%m-%d %H:%M:%S},{20 + 10 * np.sin(row / 45) + rng.random() + jump}")
    return ("\n".join(lines) + "\n").encode()


@stands_in_for(r"FordA_(TRAIN|TEST)\.tsv")
def _ford(rng, _):
    rows = []
    for row in range(128):
        label = 1 if row % 2 else -1
        signal = np.sin(np.arange(500) / (8 + 3 * label)) + rng.normal(0, 0.3, 500)
        rows.append("\t".join([str(label), *(f"{value:.4f}" for value in signal)]))
    return ("\n".join(rows) + "\n").encode()


@stands_in_for(r"PeMS-M\.zip")
def _pems(rng):
    distances = rng.integers(0, 30_000, (228, 228))
    speeds = rng.normal(60, 8, (1200, 228)).round(1)
    text = ["\n".join(",".join(map(str, row)) for row in rows) + "\n" for rows in (distances, speeds)]
    return zipped(
        {"PeMS-M/W_228.csv": text[0], "PeMS-M/V_228.csv": text[1], "W_228.csv": text[0], "V_228.csv": text[1]}
    )


@stands_in_for(r"data/ecg\.csv")
def _ecg(rng):
    rows = []
    for row in range(400):
        signal = np.sin(np.arange(140) / (9 + 5 * (row % 2))) + rng.normal(0, 0.1, 140)
        rows.append(",".join([*(f"{value:.4f}" for value in signal), f"{row % 2}.0"]))
    return ("\n".join(rows) + "\n").encode()
