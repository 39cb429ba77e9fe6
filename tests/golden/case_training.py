"""Whole training runs: how each model of ``run_training`` is compiled, what it is fed, and what is asked of
it.

A case names a ``model`` (a builder of run_training), its ``compile`` arguments (``{"object": ...}`` are
made), ``fit`` arguments (shuffle is always False) and ``samples``.  ``class_weight`` is a list of [class,
weight] pairs; ``sample_weight``, ``temporal_weight`` and ``validation_weight`` say that weights are drawn
and passed; ``via`` is fit, fit_generator or train_on_batch.
"""

from __future__ import annotations

SGD = {"object": "optimizers.SGD", "kwargs": {"lr": 0.1}}
ADAM = {"object": "optimizers.Adam", "kwargs": {"lr": 0.02}}
TRAINING_CASES = []


def _case(name, model, loss, samples=22, optimizer=SGD, fit=None, **options):
    compile_options = dict({"optimizer": optimizer, "loss": loss}, **options.pop("compile", {}))
    fit = dict({"epochs": 3, "batch_size": 8}, **(fit or {}))
    TRAINING_CASES.append(
        dict(
            {"name": name, "model": model, "compile": compile_options, "fit": fit, "samples": samples},
            **options,
        )
    )


def _losses():
    heads = {
        "mean_squared_error": "linear",
        "mean_absolute_error": "linear",
        "mean_absolute_percentage_error": "relu_out",
        "mean_squared_logarithmic_error": "relu_out",
        "squared_hinge": "hinge",
        "hinge": "hinge",
        "categorical_hinge": "softmax",
        "logcosh": "linear",
        "categorical_crossentropy": "softmax",
        "sparse_categorical_crossentropy": "sparse",
        "binary_crossentropy": "sigmoid",
        "kullback_leibler_divergence": "softmax",
        "poisson": "relu_out",
        "cosine_proximity": "linear",
    }
    for loss, head in heads.items():
        _case("loss_" + loss, head, loss, samples=12, fit={"epochs": 2})
    _case(
        "loss_logits_categorical",
        "softmax_logits",
        {"object": "losses.CategoricalCrossentropy", "kwargs": {"from_logits": True}},
        fit={"epochs": 2},
    )
    _case(
        "loss_logits_binary",
        "sigmoid_logits",
        {"object": "losses.BinaryCrossentropy", "kwargs": {"from_logits": True}},
        fit={"epochs": 2},
    )
    _case(
        "loss_smoothed",
        "softmax",
        {"object": "losses.CategoricalCrossentropy", "kwargs": {"label_smoothing": 0.1}},
    )
    _case("loss_huber", "linear", {"object": "losses.Huber", "kwargs": {"delta": 0.5}})
    _case(
        "loss_sum_reduction", "linear", {"object": "losses.MeanSquaredError", "kwargs": {"reduction": "sum"}}
    )


def _fits():
    _case("uneven_batches", "softmax", "categorical_crossentropy", compile={"metrics": ["accuracy"]})
    _case("metric_spelling_acc", "softmax", "categorical_crossentropy", compile={"metrics": ["acc"]})
    _case(
        "metrics_several",
        "linear",
        "mse",
        compile={"metrics": ["mae", "mse", "mean_absolute_percentage_error"]},
    )
    _case(
        "metrics_accuracy_sparse",
        "sparse",
        "sparse_categorical_crossentropy",
        compile={"metrics": ["accuracy"]},
    )
    _case(
        "metrics_accuracy_binary",
        "sigmoid",
        "binary_crossentropy",
        compile={"metrics": ["accuracy", "binary_accuracy"]},
    )
    _case(
        "metrics_objects",
        "sigmoid",
        "binary_crossentropy",
        compile={
            "metrics": [
                {"object": "metrics.AUC", "kwargs": {"name": "area"}},
                {"object": "metrics.Precision", "kwargs": {"name": "precise"}},
                {"object": "metrics.MeanSquaredError", "kwargs": {}},
            ]
        },
    )
    _case(
        "weighted_metrics",
        "softmax",
        "categorical_crossentropy",
        sample_weight=True,
        compile={"metrics": ["accuracy"], "weighted_metrics": ["accuracy", "mse"]},
    )
    _case(
        "validation_split",
        "softmax",
        "categorical_crossentropy",
        fit={"validation_split": 0.3},
        compile={"metrics": ["accuracy"]},
    )
    _case("validation_split_weighted", "linear", "mse", fit={"validation_split": 0.25}, sample_weight=True)
    _case("validation_data", "linear", "mse", validation=10, compile={"metrics": ["mae"]})
    _case(
        "validation_data_weighted", "linear", "mse", validation=10, validation_weight=True, sample_weight=True
    )
    _case("validation_freq", "linear", "mse", validation=10, fit={"epochs": 4, "validation_freq": 2})
    _case("initial_epoch", "linear", "mse", fit={"epochs": 5, "initial_epoch": 2})
    _case(
        "class_weight",
        "softmax",
        "categorical_crossentropy",
        class_weight=[[0, 0.5], [1, 2.0], [2, 1.5]],
        compile={"metrics": ["accuracy"]},
    )
    _case(
        "class_weight_sparse",
        "sparse",
        "sparse_categorical_crossentropy",
        class_weight=[[0, 0.5], [1, 2.0], [2, 1.5]],
    )
    _case("class_weight_binary", "binary", "binary_crossentropy", class_weight=[[0, 0.5], [1, 3.0]])
    _case("sample_weight", "linear", "mse", sample_weight=True, compile={"metrics": ["mae"]})
    _case(
        "class_and_sample_weight",
        "softmax",
        "categorical_crossentropy",
        class_weight=[[0, 0.5], [1, 2.0], [2, 1.5]],
        sample_weight=True,
    )
    _case(
        "temporal_weights",
        "sequences",
        "mse",
        samples=10,
        temporal_weight=True,
        compile={"sample_weight_mode": "temporal", "metrics": ["mae"]},
    )
    _case(
        "temporal_weights_masked",
        "masked_sequences",
        "mse",
        samples=10,
        temporal_weight=True,
        compile={"sample_weight_mode": "temporal", "weighted_metrics": ["mae"]},
    )
    _case("two_outputs", "two_outputs", ["mse", "binary_crossentropy"], compile={"loss_weights": [1.0, 0.3]})
    _case(
        "two_outputs_dicts",
        "two_outputs",
        {"main": "mse", "aux": "binary_crossentropy"},
        compile={
            "loss_weights": {"main": 0.5, "aux": 2.0},
            "metrics": {"main": "mae", "aux": ["accuracy", "mse"]},
        },
    )
    _case(
        "two_outputs_one_loss",
        "two_outputs",
        "mse",
        compile={"metrics": ["mae"]},
        fit={"validation_split": 0.3},
    )
    _case("two_outputs_one_trained", "two_outputs_chained", {"aux": "mse"})
    _case("two_outputs_weighted", "two_outputs", "mse", sample_weight=True)
    _case("two_inputs", "two_inputs", "mse", compile={"metrics": ["mae"]})
    _case("masked_sequences", "masked_sequences", "mse", samples=10, compile={"metrics": ["mae"]})
    _case(
        "masked_classes",
        "masked_classes",
        "categorical_crossentropy",
        samples=10,
        compile={"metrics": ["accuracy"]},
    )
    _case(
        "masked_sparse",
        "masked_sparse",
        "sparse_categorical_crossentropy",
        samples=10,
        compile={"metrics": ["accuracy"]},
    )
    _case(
        "embedding_lstm",
        "embedding_lstm",
        "binary_crossentropy",
        samples=14,
        optimizer=ADAM,
        compile={"metrics": ["accuracy"]},
    )
    _case("embedding_sequences", "embedding_sequences", "mse", samples=10, optimizer=ADAM)
    _case("regularized", "regularized", "mse", compile={"metrics": ["mse"]}, validation=6)
    _case("activity_regularized", "activity_regularized", "mse", compile={"metrics": ["mse"]})
    _case("add_loss", "add_loss", "mse", compile={"metrics": ["mae"]})
    _case("add_loss_only", "add_loss", None)
    _case("add_metric", "add_metric", "mse", compile={"metrics": ["mae"]})
    _case("batch_norm", "batch_norm", "mse", validation=6)
    _case("frozen", "frozen", "mse")
    _case("shared_layer", "shared_layer", "mse")
    _case("constrained", "constrained", "mse")
    _case("custom_functions", "linear", {"function": "loss"}, compile={"metrics": [{"function": "metric"}]})
    _case("stateful_lstm", "stateful_lstm", "mse", samples=8, fit={"batch_size": 4}, optimizer=ADAM)
    _case("schedule", "linear", "mse", fit={"epochs": 4}, callbacks=[{"schedule": [0.1, 0.05, 0.2, 0.01]}])
    _case(
        "reduce_on_plateau",
        "linear",
        "mse",
        fit={"epochs": 6},
        validation=6,
        callbacks=[
            {
                "object": "callbacks.ReduceLROnPlateau",
                "kwargs": {"monitor": "val_loss", "factor": 0.5, "patience": 1, "min_delta": 10.0},
            }
        ],
    )
    _case(
        "early_stopping",
        "linear",
        "mse",
        fit={"epochs": 8},
        validation=6,
        callbacks=[
            {
                "object": "callbacks.EarlyStopping",
                "kwargs": {
                    "monitor": "val_loss",
                    "patience": 2,
                    "min_delta": 10.0,
                    "restore_best_weights": True,
                },
            }
        ],
    )
    _case(
        "fit_generator",
        "softmax",
        "categorical_crossentropy",
        samples=24,
        via="fit_generator",
        compile={"metrics": ["accuracy"]},
    )
    _case(
        "train_on_batch",
        "softmax",
        "categorical_crossentropy",
        samples=24,
        via="train_on_batch",
        sample_weight=True,
        compile={"metrics": ["accuracy", "mae"]},
    )
    _case(
        "steps_per_epoch",
        "linear",
        "mse",
        samples=16,
        fit={"batch_size": None, "steps_per_epoch": 1, "epochs": 2},
    )


_losses()
_fits()

GROUPS = {"training": TRAINING_CASES}
