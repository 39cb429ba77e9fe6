"""Cases of recurrent layers, under masks and with states."""

from __future__ import annotations

from .case_rows import case, floats, layer

HOLES = [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]]


FULL = floats(5, 3, batch=3)


def recurrent():
    masked = floats(5, 3, batch=6, mask=HOLES)
    masking = [layer("Masking", mask_value=0.0)]
    variants = [
        ("plain", {}, {}),
        ("sequences", {"return_sequences": True}, {}),
        ("state", {"return_state": True}, {}),
        ("sequences_state", {"return_sequences": True, "return_state": True}, {}),
        ("backwards", {"go_backwards": True}, {}),
        ("backwards_sequences", {"go_backwards": True, "return_sequences": True}, {}),
        ("unroll", {"unroll": True, "return_sequences": True}, {}),
        ("relu", {"activation": "relu"}, {}),
        ("no_bias", {"use_bias": False}, {}),
        (
            "regularized",
            {
                "kernel_regularizer": {"object": "regularizers.l2", "kwargs": {"l": 0.05}},
                "recurrent_regularizer": {"object": "regularizers.l1", "kwargs": {"l": 0.02}},
            },
            {},
        ),
    ]
    for kind in ("SimpleRNN", "GRU", "LSTM"):
        low = kind.lower()
        states = 2 if kind == "LSTM" else 1
        for tag, kwargs, options in variants:
            case("%s_%s" % (low, tag), layer(kind, units=4, **kwargs), dict(FULL), **options)
        for tag, kwargs in (
            ("masked", {}),
            ("masked_sequences", {"return_sequences": True}),
            ("masked_state", {"return_sequences": True, "return_state": True}),
            ("masked_backwards", {"return_sequences": True, "go_backwards": True}),
            ("masked_unroll", {"return_sequences": True, "unroll": True}),
        ):
            case("%s_%s" % (low, tag), layer(kind, units=4, **kwargs), dict(masked), before=masking)
        case(
            low + "_initial_state",
            layer(kind, units=4, return_sequences=True),
            dict(FULL),
            *[floats(4, batch=3) for _ in range(states)],
            call="states",
        )
        case(
            low + "_initial_state_masked",
            layer(kind, units=4, return_sequences=True),
            dict(masked),
            *[floats(4, batch=6) for _ in range(states)],
            call="states",
            before=masking,
        )
        case(
            low + "_stateful", layer(kind, units=4, stateful=True), dict(FULL, static_batch=True), predicts=2
        )
        case(
            low + "_stateful_sequences",
            layer(kind, units=4, stateful=True, return_sequences=True),
            dict(FULL, static_batch=True),
            predicts=2,
        )
        case(
            low + "_stateful_masked",
            layer(kind, units=4, stateful=True),
            dict(masked, static_batch=True),
            before=masking,
            predicts=2,
        )
        case(
            low + "_dropout",
            layer(kind, units=4, dropout=0.3, recurrent_dropout=0.2),
            dict(FULL),
            train=False,
        )
        case(
            low + "_unknown_length",
            layer(kind, units=4, return_sequences=True),
            dict(FULL, unknown_steps=True),
        )
        if kind != "SimpleRNN":
            for activation in ("hard_sigmoid", "sigmoid"):
                for implementation in (1, 2):
                    case(
                        "%s_%s_implementation_%d" % (low, activation, implementation),
                        layer(
                            kind,
                            units=4,
                            recurrent_activation=activation,
                            implementation=implementation,
                            return_sequences=True,
                        ),
                        dict(FULL),
                    )
    for reset_after in (False, True):
        for activation in ("hard_sigmoid", "sigmoid"):
            case(
                "gru_reset_after_%s_%s" % (reset_after, activation),
                layer(
                    "GRU",
                    units=4,
                    reset_after=reset_after,
                    recurrent_activation=activation,
                    return_sequences=True,
                ),
                dict(FULL),
            )
        case(
            "gru_reset_after_%s_masked" % reset_after,
            layer("GRU", units=4, reset_after=reset_after, return_sequences=True),
            dict(masked),
            before=masking,
        )
        case(
            "gru_reset_after_%s_no_bias" % reset_after,
            layer("GRU", units=4, reset_after=reset_after, use_bias=False),
            dict(FULL),
        )
    case("lstm_no_unit_forget_bias", layer("LSTM", units=4, unit_forget_bias=False), dict(FULL))
    for kind in ("SimpleRNN", "GRU", "LSTM"):
        low = kind.lower()
        for mode in ("concat", "sum", "mul", "ave", None):
            case(
                "bidirectional_%s_%s" % (low, mode),
                layer("Bidirectional", layer=layer(kind, units=3, return_sequences=True), merge_mode=mode),
                dict(FULL),
            )
        case("bidirectional_%s_last" % low, layer("Bidirectional", layer=layer(kind, units=3)), dict(FULL))
        case(
            "bidirectional_%s_masked" % low,
            layer("Bidirectional", layer=layer(kind, units=3, return_sequences=True)),
            dict(masked),
            before=masking,
        )
        case(
            "bidirectional_%s_masked_last" % low,
            layer("Bidirectional", layer=layer(kind, units=3)),
            dict(masked),
            before=masking,
        )
        case(
            "bidirectional_%s_state" % low,
            layer("Bidirectional", layer=layer(kind, units=3, return_sequences=True, return_state=True)),
            dict(FULL),
        )
    case("rnn_lstm_cell", layer("RNN", cell=layer("LSTMCell", units=4), return_sequences=True), dict(FULL))
    case("rnn_gru_cell", layer("RNN", cell=layer("GRUCell", units=4)), dict(FULL))
    case("rnn_simple_cell", layer("RNN", cell=layer("SimpleRNNCell", units=4)), dict(FULL))
    case(
        "rnn_stacked_cells",
        layer(
            "RNN",
            cell=layer("StackedRNNCells", cells=[layer("LSTMCell", units=4), layer("GRUCell", units=3)]),
            return_sequences=True,
        ),
        dict(FULL),
    )
    case(
        "rnn_stacked_masked",
        layer(
            "RNN", cell=[layer("LSTMCell", units=4), layer("SimpleRNNCell", units=3)], return_sequences=True
        ),
        dict(masked),
        before=masking,
    )
    case("time_distributed_dense", layer("TimeDistributed", layer=layer("Dense", units=4)), floats(3, 2))
    case(
        "time_distributed_conv2d",
        layer("TimeDistributed", layer=layer("Conv2D", filters=2, kernel_size=2)),
        floats(3, 4, 3, 2),
    )
    case(
        "time_distributed_batch_norm",
        layer("TimeDistributed", layer=layer("BatchNormalization")),
        floats(3, 4, batch=4),
    )
    case(
        "time_distributed_masked",
        layer("TimeDistributed", layer=layer("Dense", units=2)),
        dict(masked),
        before=masking,
    )
    case("time_distributed_lstm", layer("TimeDistributed", layer=layer("LSTM", units=2)), floats(3, 4, 2))
    case("conv_lstm_2d", layer("ConvLSTM2D", filters=2, kernel_size=2), floats(3, 4, 4, 2))
    case(
        "conv_lstm_2d_same_sequences",
        layer("ConvLSTM2D", filters=2, kernel_size=3, padding="same", return_sequences=True),
        floats(3, 3, 4, 1),
    )
    case(
        "conv_lstm_2d_strided",
        layer("ConvLSTM2D", filters=2, kernel_size=2, strides=2, go_backwards=True, use_bias=False),
        floats(3, 4, 4, 1),
    )
    case(
        "conv_lstm_2d_stateful",
        layer("ConvLSTM2D", filters=2, kernel_size=2, stateful=True),
        floats(2, 3, 3, 1, batch=2, static_batch=True),
        predicts=2,
    )
