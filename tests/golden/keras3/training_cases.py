"""Cases of schedules and optimizers of Keras 3."""

from __future__ import annotations


def _schedule(class_name, *args, **kwargs):
    return {"schedule": class_name, "args": list(args), "kwargs": kwargs}


STEPS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 14, 15, 20, 40]


SCHEDULES = [
    {"name": name, "steps": STEPS, **spec}
    for name, spec in [
        ("exponential", _schedule("ExponentialDecay", 0.1, 4, 0.5)),
        ("exponential_staircase", _schedule("ExponentialDecay", 0.1, 4, 0.5, staircase=True)),
        ("inverse_time", _schedule("InverseTimeDecay", 0.1, 4, 0.5)),
        ("inverse_time_staircase", _schedule("InverseTimeDecay", 0.1, 4, 0.5, staircase=True)),
        ("piecewise", _schedule("PiecewiseConstantDecay", [2, 7], [0.3, 0.2, 0.1])),
        ("polynomial", _schedule("PolynomialDecay", 0.1, 8)),
        ("polynomial_power", _schedule("PolynomialDecay", 0.1, 8, 0.01, power=0.5)),
        ("polynomial_cycle", _schedule("PolynomialDecay", 0.1, 4, 0.01, cycle=True)),
        ("cosine", _schedule("CosineDecay", 0.1, 8, alpha=0.1)),
        ("cosine_warmup", _schedule("CosineDecay", 0.0, 8, warmup_target=0.1, warmup_steps=4)),
        ("restarts", _schedule("CosineDecayRestarts", 0.1, 5)),
        ("restarts_alike", _schedule("CosineDecayRestarts", 0.1, 5, t_mul=1.0, m_mul=0.5, alpha=0.1)),
    ]
]


# an argument that Keras 2.3 lacks: it asks for the arithmetic of later versions
LATER = {"use_ema": False}


OPTIMIZERS = [
    {"name": f"optimizer_{name}", "optimizer": optimizer, "kwargs": kwargs, "model": "dense"}
    for name, optimizer, kwargs in [
        ("adamw", "AdamW", {"learning_rate": 0.05, "weight_decay": 0.3}),
        ("adamw_default", "AdamW", {}),
        ("adamw_amsgrad", "AdamW", {"learning_rate": 0.05, "amsgrad": True, "global_clipnorm": 0.5}),
        ("adam_weight_decay", "Adam", {"learning_rate": 0.05, "weight_decay": 0.3}),
        ("sgd_weight_decay", "SGD", {"learning_rate": 0.05, "weight_decay": 0.3, "momentum": 0.9}),
        ("lion", "Lion", {"learning_rate": 0.01}),
        ("lion_weight_decay", "Lion", {"learning_rate": 0.01, "weight_decay": 0.3, "beta_1": 0.8}),
        ("ftrl", "Ftrl", {"learning_rate": 0.1}),
        (
            "ftrl_regularized",
            "Ftrl",
            {
                "learning_rate": 0.1,
                "l1_regularization_strength": 0.01,
                "l2_regularization_strength": 0.02,
                "l2_shrinkage_regularization_strength": 0.03,
                "beta": 0.1,
                "learning_rate_power": -0.7,
            },
        ),
        ("sgd_exponential", "SGD", {"learning_rate": _schedule("ExponentialDecay", 0.2, 3, 0.5)}),
        (
            "sgd_momentum_piecewise",
            "SGD",
            {"learning_rate": _schedule("PiecewiseConstantDecay", [2, 5], [0.2, 0.1, 0.05]), "momentum": 0.9},
        ),
        ("adam_cosine", "Adam", {"learning_rate": _schedule("CosineDecay", 0.1, 8)}),
        (
            "adamw_polynomial",
            "AdamW",
            {"learning_rate": _schedule("PolynomialDecay", 0.1, 8), "weight_decay": 0.3},
        ),
        ("adafactor", "Adafactor", {"learning_rate": 0.1}),
        (
            "adafactor_arguments",
            "Adafactor",
            {"learning_rate": 0.1, "clip_threshold": 0.4, "beta_2_decay": -0.5, "epsilon_2": 0.5},
        ),
        (
            "adafactor_schedule",
            "Adafactor",
            {"learning_rate": _schedule("ExponentialDecay", 0.2, 3, 0.5), "weight_decay": 0.3},
        ),
        ("lamb", "Lamb", {"learning_rate": 0.05}),
        ("lamb_weight_decay", "Lamb", {"learning_rate": 0.05, "weight_decay": 0.3, "epsilon": 0.01}),
        ("muon", "Muon", {"learning_rate": 0.05}),
        (
            "muon_arguments",
            "Muon",
            {
                "learning_rate": 0.05,
                "nesterov": False,
                "rms_rate": None,
                "ns_steps": 3,
                "adam_lr_ratio": 0.5,
                "adam_weight_decay": None,
                "weight_decay": 0.3,
            },
        ),
        ("muon_exclude", "Muon", {"learning_rate": 0.05, "exclude_layers": ["last"]}),
        ("schedule_free", "ScheduleFreeAdamW", {"learning_rate": 0.05}),
        (
            "schedule_free_warmup",
            "ScheduleFreeAdamW",
            {"learning_rate": 0.05, "warmup_steps": 4, "weight_decay": 0.3, "beta_1": 0.8},
        ),
        ("rmsprop_later", "RMSprop", {"learning_rate": 0.05, "epsilon": 1e-3, **LATER}),
        ("rmsprop_momentum", "RMSprop", {"learning_rate": 0.05, "momentum": 0.9, **LATER}),
        (
            "rmsprop_centered",
            "RMSprop",
            {"learning_rate": 0.01, "momentum": 0.9, "centered": True, "epsilon": 1e-3, **LATER},
        ),
        (
            "rmsprop_only_centered",
            "RMSprop",
            {"learning_rate": 0.01, "centered": True, "epsilon": 1e-3, **LATER},
        ),
        (
            "adagrad_later",
            "Adagrad",
            {"learning_rate": 0.1, "initial_accumulator_value": 0.1, "epsilon": 1e-3, **LATER},
        ),
        ("nadam_later", "Nadam", {"learning_rate": 0.05, **LATER}),
        ("adamw_clipnorm", "AdamW", {"learning_rate": 0.05, "clipnorm": 0.05, "epsilon": 0.1}),
        ("sgd_clipnorm_later", "SGD", {"learning_rate": 0.5, "clipnorm": 0.1, **LATER}),
        ("sgd_ema", "SGD", {"learning_rate": 0.2, "use_ema": True, "ema_momentum": 0.8}),
        (
            "adam_ema_overwrite",
            "Adam",
            {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
        ),
        ("sgd_accumulation", "SGD", {"learning_rate": 0.2, "gradient_accumulation_steps": 3}),
        (
            "momentum_accumulation",
            "SGD",
            {
                "learning_rate": 0.2,
                "momentum": 0.9,
                "gradient_accumulation_steps": 2,
                "global_clipnorm": 0.3,
                "weight_decay": 0.3,
            },
        ),
        (
            "adam_accumulation_ema",
            "Adam",
            {
                "learning_rate": 0.05,
                "gradient_accumulation_steps": 2,
                "use_ema": True,
                "ema_momentum": 0.8,
                "ema_overwrite_frequency": 2,
                "clipvalue": 0.05,
            },
        ),
        (
            "nadam_accumulation_schedule",
            "Nadam",
            {
                "learning_rate": _schedule("PiecewiseConstantDecay", [2, 5], [0.2, 0.1, 0.05]),
                "gradient_accumulation_steps": 3,
            },
        ),
        (
            "lamb_accumulation_ema",
            "Lamb",
            {"learning_rate": 0.05, "gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.8},
        ),
        ("adam_loss_scale", "Adam", {"learning_rate": 0.05, "loss_scale_factor": 1024.0}),
    ]
]
