"""Tables of numbers and categories."""

import gzip

import numpy as np

from .parts import LIMITS, stands_in_for, table, tarred, zipped


@stands_in_for(r"heart\.csv")
def _heart(rng):
    rows = 303
    target = rng.integers(0, 2, rows)
    columns = {
        "age": rng.integers(30, 75, rows) + 5 * target,
        "sex": rng.integers(0, 2, rows),
        "cp": rng.integers(0, 5, rows),
        "trestbps": rng.integers(100, 180, rows),
        "chol": rng.integers(150, 350, rows),
        "fbs": rng.integers(0, 2, rows),
        "restecg": rng.integers(0, 3, rows),
        "thalach": rng.integers(90, 200, rows),
        "exang": rng.integers(0, 2, rows),
        "oldpeak": np.round(rng.random(rows) * 4, 1),
        "slope": rng.integers(1, 4, rows),
        "ca": rng.integers(0, 4, rows),
        "thal": rng.choice(["fixed", "normal", "reversible"], rows),
        "target": target,
    }
    return table(columns, rows).encode()


@stands_in_for(r"wdbc\.data")
def _cells(rng):
    malignant = rng.random(400) < 0.4
    features = rng.gamma(4.0, 1.0, (400, 30)) + malignant[:, None]
    columns = {"id": range(400), "diagnosis": np.where(malignant, "M", "B")}
    columns |= {f"feature {number}": np.round(features[:, number], 4) for number in range(30)}
    return table(columns, 400, header=False).encode()


_ADULT = {
    "workclass": ["Private", "Self-emp", "State-gov", "?"],
    "education": ["Bachelors", "HS-grad", "Masters"],
    "marital": ["Never-married", "Married", "Divorced"],
    "occupation": ["Sales", "Tech-support", "?", "Craft-repair"],
    "relationship": ["Husband", "Wife", "Unmarried"],
    "race": ["White", "Black", "Other"],
    "gender": ["Male", "Female"],
}


#: Some programs count on more countries than there are of anything else.
_COUNTRIES = """United-States Mexico Canada Cuba Jamaica India England China Germany Italy Poland Japan Taiwan
Vietnam Columbia Haiti Portugal Iran Greece France Ecuador Peru Ireland Cambodia Laos Hungary""".split()


@stands_in_for(r"adult\.(data|test)")
def _adult(rng, part):
    rows = 400
    pick = {name: rng.choice(values, rows) for name, values in _ADULT.items()}
    ends = ["<=50K", ">50K"] if part == "data" else ["<=50K.", ">50K."]
    lines = ["|1x3 Cross validator"] if part == "test" else []
    for row in range(rows):
        fields = [
            rng.integers(18, 80),
            pick["workclass"][row],
            rng.integers(20000, 300000),
            pick["education"][row],
            rng.integers(5, 16),
            pick["marital"][row],
            pick["occupation"][row],
            pick["relationship"][row],
            pick["race"][row],
            pick["gender"][row],
            rng.integers(0, 5000),
            rng.integers(0, 500),
            rng.integers(10, 60),
            rng.choice(_COUNTRIES),
            ends[rng.random() > 0.7],
        ]
        lines.append(", ".join(map(str, fields)))
    return ("\n".join(lines) + "\n").encode()


@stands_in_for(r"census-income\.(data|test)\.gz")
def _census(rng, _):
    lines = []
    for _ in range(600):
        fields = [str(rng.choice([" A", " B", " C"])) for _ in range(42)]
        for numeric in (0, 5, 16, 17, 18, 24, 30, 39):
            fields[numeric] = f" {rng.integers(0, 60)}"
        for whole in (2, 3, 36, 38, 40):
            fields[whole] = f" {rng.integers(0, 3)}"
        fields[40] = str(rng.choice([94, 95]))
        fields[41] = str(rng.choice([" - 50000.", " 50000+."]))
        lines.append(",".join(fields))
    return gzip.compress(("\n".join(lines) + "\n").encode())


@stands_in_for(r"covtype\.data\.gz")
def _covtype(rng):
    lines = []
    for row in range(700):
        area, soil = np.eye(4, dtype=int)[rng.integers(0, 4)], np.eye(40, dtype=int)[rng.integers(0, 40)]
        lines.append(",".join(map(str, [*rng.integers(0, 3000, 10), *area, *soil, row % 7 + 1])))
    return gzip.compress(("\n".join(lines) + "\n").encode())


@stands_in_for(r"creditcard\.csv|kaggle:.*creditcard")
def _cards(rng):
    rows = 1000
    columns = {"Time": np.arange(rows)}
    target = (rng.random(rows) < 0.1).astype(int)
    columns.update({f"V{number}": np.round(rng.normal(target * 2, 1, rows), 5) for number in range(1, 29)})
    columns.update({"Amount": np.round(rng.random(rows) * 100, 2), "Class": target})
    return table(columns, rows).encode()


@stands_in_for(r"ml-(latest-small|1m)\.zip")
def _movielens(rng, kind):
    genres = ["Action", "Comedy", "Drama", "Horror", "Sci-Fi"]
    queries = [
        "Matrix, The (1999)",
        "Star Wars: Episode IV - A New Hope (1977)",
        "Lion King, The (1994)",
        "Terminator 2: Judgment Day (1991)",
        "Godfather, The (1972)",
    ]
    films = LIMITS.get("films", 64)
    titles = queries + [f"Film {number} (1995)" for number in range(1, films - 4)]
    movies = [
        (number + 1, title, "|".join(rng.choice(genres, 2, replace=False)))
        for number, title in enumerate(titles)
    ]
    stars = lambda user, movie: 5 if (user + movie) % 4 == 0 else int(rng.integers(1, 6))  # noqa: E731
    people = LIMITS.get("people", 80 if kind == "1m" else 40)
    ratings = [
        (user, int(movie) + 1, stars(user, int(movie)), 964982703 + 10 * step)
        for user in range(1, people + 1)
        for step, movie in enumerate(rng.permutation(len(movies))[:30])
    ]
    if kind == "1m":
        users = [(user, "F" if user % 2 else "M", 25, user % 20, 48067) for user in range(1, people + 1)]
        parts = {"users": users, "movies": movies, "ratings": ratings}
        return zipped(
            {
                f"ml-1m/{name}.dat": "".join("::".join(map(str, row)) + "\n" for row in rows)
                for name, rows in parts.items()
            }
        )
    return zipped(
        {
            "ml-latest-small/movies.csv": "movieId,title,genres\n"
            + "".join(f'{n},"{t}",{g}\n' for n, t, g in movies),
            "ml-latest-small/ratings.csv": "userId,movieId,rating,timestamp\n"
            + "".join(f"{user},{movie},{rating}.0,{when}\n" for user, movie, rating, when in ratings),
        }
    )


@stands_in_for(r"titanic/(train|eval)\.csv")
def _titanic(rng, _):
    rows = 300
    columns = {
        "survived": rng.integers(0, 2, rows),
        "sex": rng.choice(["male", "female"], rows),
        "age": rng.integers(1, 80, rows).astype(float),
        "n_siblings_spouses": rng.integers(0, 4, rows),
        "parch": rng.integers(0, 3, rows),
        "fare": np.round(rng.random(rows) * 80, 4),
        "class": rng.choice(["First", "Second", "Third"], rows),
        "deck": rng.choice(["A", "B", "unknown"], rows),
        "embark_town": rng.choice(["Southampton", "Cherbourg"], rows),
        "alone": rng.choice(["y", "n"], rows),
    }
    return table(columns, rows).encode()


@stands_in_for(r"abalone_(train|test)\.csv")
def _abalone(rng, _):
    columns = {str(number): np.round(rng.random(300), 3) for number in range(7)}
    columns["age"] = rng.integers(3, 20, 300)
    return table(columns, 300, header=False).encode()


@stands_in_for(r"Metro_Interstate_Traffic_Volume")
def _traffic(rng):
    rows = 600
    columns = {
        "holiday": ["None"] * rows,
        "temp": np.round(rng.normal(280, 5, rows), 2),
        "rain_1h": np.zeros(rows),
        "snow_1h": np.zeros(rows),
        "clouds_all": rng.integers(0, 100, rows),
        "weather_main": rng.choice(["Clouds", "Clear"], rows),
        "weather_description": ["sky is clear"] * rows,
        "date_time": ["2012-10-02 09:00:00"] * rows,
        "traffic_volume": rng.integers(500, 6000, rows),
    }
    return gzip.compress(table(columns, rows).encode())


@stands_in_for(r"00417/fonts\.zip")
def _fonts(rng):
    files = {}
    for font in ("AGENCY", "ARIAL", "BAITI"):
        head = ["font", "fontVariant", "m_label", "strength", "italic", "orientation", "m_top", "m_left"]
        head += ["originalH", "originalW", "h", "w", *(f"r{r}c{c}" for r in range(20) for c in range(20))]
        lines = [",".join(head)]
        for _ in range(20):
            numbers = [65, 0.4, 0, 0.0, 35, 21, 51, 22, 20, 20, *rng.integers(0, 256, 400)]
            lines.append(",".join([font, "scanned", *map(str, numbers)]))
        files[f"{font}.csv"] = "\n".join(lines) + "\n"
    return zipped(files)


@stands_in_for(r"petfinder-mini\.zip")
def _pets_table(rng):
    rows = 300
    columns = {
        "Type": rng.choice(["Cat", "Dog"], rows),
        "Age": rng.integers(1, 40, rows),
        "Breed1": rng.choice(["Tabby", "Mixed Breed", "Poodle"], rows),
        "Gender": rng.choice(["Male", "Female"], rows),
        "Color1": rng.choice(["Black", "White", "Brown"], rows),
        "Color2": rng.choice(["White", "No Color"], rows),
        "MaturitySize": rng.choice(["Small", "Medium"], rows),
        "FurLength": rng.choice(["Short", "Long"], rows),
        "Vaccinated": rng.choice(["Yes", "No", "Not Sure"], rows),
        "Sterilized": rng.choice(["Yes", "No"], rows),
        "Health": ["Healthy"] * rows,
        "Fee": rng.integers(0, 200, rows),
        "Description": ["a nice pet"] * rows,
        "PhotoAmt": rng.integers(0, 6, rows),
        "AdoptionSpeed": rng.integers(0, 5, rows),
    }
    return zipped({"petfinder-mini/petfinder-mini.csv": table(columns, rows)})


@stands_in_for(r"auto-mpg\.data")
def _cars(rng):
    lines = []
    for row in range(398):
        horsepower = "?" if row % 60 == 0 else f"{rng.integers(60, 200)}.0"
        fields = [
            f"{rng.integers(10, 45)}.0",
            rng.choice([4, 6, 8]),
            f"{rng.integers(80, 400)}.0",
            horsepower,
        ]
        fields += [
            f"{rng.integers(1800, 4500)}.",
            f"{rng.integers(8, 22)}.5",
            rng.integers(70, 83),
            row % 3 + 1,
        ]
        lines.append("   ".join(map(str, fields)) + "\tcar")
    return ("\n".join(lines) + "\n").encode()


@stands_in_for(r"HIGGS\.csv\.gz")
def _higgs(rng):
    rows = rng.normal(size=(12_000, 28)).round(3)
    lines = [",".join(map(str, [float(row[0] > 0), *row])) for row in rows]
    return gzip.compress(("\n".join(lines) + "\n").encode(), 1)


@stands_in_for(r"cora\.tgz")
def _cora(rng):
    kinds = [
        "Neural_Networks",
        "Theory",
        "Genetic_Algorithms",
        "Case_Based",
        "Rule_Learning",
        "Probabilistic_Methods",
        "Reinforcement_Learning",
    ]
    papers = [
        "\t".join([str(1000 + n), *map(str, (rng.random(1433) < 0.02).astype(int)), kinds[n % 7]])
        for n in range(280)
    ]
    cites = [f"{1000 + rng.integers(280)}\t{1000 + rng.integers(280)}" for _ in range(2000)]
    return tarred({"cora/cora.content": "\n".join(papers) + "\n", "cora/cora.cites": "\n".join(cites) + "\n"})
