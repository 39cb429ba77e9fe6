"""Model: a network that can be compiled, trained, evaluated and used for prediction."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...ir import Graph, Value, steadily
from .. import backend as K
from .. import registry
from ..backend.execution import computed_by
from ..callbacks import History
from ..core.call_frames import current_frame
from ..core.called_on_numbers import are_numbers, fits_input
from ..core.input_layer import Input
from ..core.node import flat_outputs, keras_history
from ..utils.generic_utils import to_list, unpack_singleton
from . import arrays as data
from . import batches, data_errors, index_checks, tensor_data
from . import loops as loops
from . import step_inputs as feeds
from .compiled_network import CompiledNetwork, refuse_unknown
from .hooks import refuse_overridden


class Model(CompiledNetwork):
    """Layers grouped into a model.

    ``Model(inputs, outputs)`` takes what lies between tensors; a subclass makes layers in ``__init__`` and
    overrides ``call(self, inputs)``.

    Attributes:
        optimizer: the optimizer, once compiled.
        stop_training: set it to True in a callback to end fit.
        history: the History of the last fit.
    """

    _in_call = False

    # --- building from data ---------------------------------------------------------------------------------

    def _assert_weights_exist(self) -> None:
        if not self.built and not self.weights:
            raise ValueError(
                f"The weights of {self.name} have not been created yet: a subclassed model makes them when "
                "its input shape is known. Call it on an Input, call build((None, ...)) with the shape of a "
                "batch, or fit it first."
            )

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of a subclassed model by calling it on placeholders of these shapes.

        Args:
            input_shape: shape with the batch axis, or a list of them.
        """
        if self._is_graph_network or self.inputs or self._in_call:
            return
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        self.built = True  # a build() of a subclass that comes here has done its part
        try:
            self._set_inputs([(None, *shape[1:]) for shape in shapes])
        except BaseException:
            self.built = False
            raise

    def _set_inputs(
        self, shapes: Sequence[tuple[int | None, ...]], dtypes: Sequence[Any] | None = None
    ) -> None:
        """Calls a subclassed model on placeholders; from then on it has inputs and outputs."""
        dtypes = dtypes or [K.floatx()] * len(shapes)
        placeholders = [
            Input(batch_shape=shape, dtype=dtype, name=f"input_{i + 1}")
            for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
        ]
        self(unpack_singleton(placeholders))

    def _maybe_build(self, inputs: Any) -> None:
        if type(self).build is not Model.build:  # which would call the model, as is being done
            super()._maybe_build(inputs)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        in_call, self._in_call = self._in_call, True
        try:
            outputs = super().__call__(inputs, **kwargs)
        finally:
            self._in_call = in_call
        tensors = to_list(inputs)
        if (
            not self._is_graph_network
            and not self.inputs
            and all(hasattr(x, "_keras_history") for x in tensors)
        ):
            self._adopt(tensors, outputs)
        self.built = True
        return outputs

    def _adopt(self, inputs: list[Value], outputs: Any) -> None:
        """A subclassed model's first call on Inputs defines its inputs and outputs."""
        tracking, self._tracking = self._tracking, False
        self._output_keys = list(outputs) if isinstance(outputs, dict) else None
        self.inputs, self.outputs = list(inputs), to_list(flat_outputs(outputs, self))
        self.input_names = [keras_history(x).layer.name for x in self.inputs]
        numbered = [f"output_{i + 1}" for i in range(len(self.outputs))]
        self.output_names = sorted(self._output_keys or ()) or numbered
        self.built = True
        self._tracking = tracking

    def _record_call(self, inputs: list[Value], outputs: list[Value], *said: Any) -> None:
        super()._record_call(inputs, outputs, *said)
        input_masks, _, arguments, _ = said
        settled = set(arguments) <= {"training"} and not arguments.get("training")
        if settled and current_frame() is None and self._predicts(inputs, input_masks):
            compiled = self._prediction()
            computed_by(outputs, lambda: compiled([x.numpy() for x in inputs]))

    def _predicts(self, inputs: list[Value], masks: list[Any]) -> bool:
        """Whether ``predict`` computes what a call on these inputs does: numbers of its own types and shapes,
        without masks or states."""
        if not self._is_graph_network or not are_numbers(inputs) or any(mask is not None for mask in masks):
            return False
        if len(self._feed_inputs) != len(inputs) or self.state_updates:
            return False
        return all(fits_input(x, own) for x, own in zip(inputs, self._feed_inputs, strict=True))

    def _build_for(self, arrays: list[Any]) -> None:
        """Subclassed models learn their input shapes from the first data."""
        if not self.inputs:
            dtypes = [
                np.dtype(x.dtype).name if np.dtype(x.dtype).kind in "iu" else K.floatx() for x in arrays
            ]
            self._set_inputs([(None, *x.shape[1:]) for x in arrays], dtypes)

    def _ensure_built(self, x: Any) -> None:
        if not self.inputs:
            if x is None:
                raise ValueError(
                    f"The model {self.name} is not built yet, and there is no data to learn its shape from."
                )
            if isinstance(x, dict):
                raise ValueError(
                    "A model whose inputs are not named yet takes a list of arrays, not a dictionary."
                )
            arrays = x if isinstance(x, list | tuple) and any(hasattr(a, "shape") for a in x) else [x]
            arrays = [data.as_array(a, "x", "input") for a in arrays]
            try:
                self._build_for(arrays)
            except ValueError as error:
                raise data_errors.build_error(error, arrays) from error
        if self._is_compiled and self._compiled is None:
            self._finish_compile()

    # --- fit, evaluate, predict -----------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        **kwargs: Any,
    ) -> History:
        """Trains for a number of epochs.

        Args:
            x: inputs: an array (samples, ...), a list of them, a dict by input name, a DataFrame, an h5py
                dataset, a generator, Sequence or DataLoader of batches, or tensors, which are computed anew
                for each of steps_per_epoch batches.
            y: targets, in the same forms.
            batch_size: samples per update (default 32, or what the Input fixes).
            epochs: index of the epoch after the last one.
            verbose: 0 silent, 1 progress bar, 2 one line per epoch.
            callbacks: Callback objects.
            validation_split: fraction of the data, taken from its end before shuffling, to evaluate on.
            validation_data: (x, y) or (x, y, sample_weight) to evaluate on after each epoch.
            shuffle: True for a new order each epoch, "batch" to shuffle in chunks of a batch (for HDF5), or
                False.
            class_weight: dict from class to weight of its samples in the loss.
            sample_weight: array (samples,), in temporal mode (samples, timesteps).
            initial_epoch: epoch to begin with.
            steps_per_epoch: number of batches per epoch, for generators or repeated passes.
            validation_steps: number of validation batches.
            validation_freq: every how many epochs to validate, or the epochs (from 1) themselves.
            max_queue_size, workers, use_multiprocessing: how generators are read ahead.

        Returns:
            History, whose ``history`` maps names to lists of one value per epoch.

        Raises:
            RuntimeError: if the model is not compiled.
            ValueError: if the data do not fit the model.
        """
        refuse_overridden(self, "train", "fit")
        if "nb_epoch" in kwargs:
            warnings.warn("The `nb_epoch` argument in `fit` has been renamed `epochs`.", stacklevel=2)
            epochs = kwargs.pop("nb_epoch")
        refuse_unknown(kwargs, Model.fit)
        _check_counts(epochs, initial_epoch, steps_per_epoch, validation_steps)
        if tensor_data.holds_tensors(x, y, sample_weight):
            tensor_data.check_steps("steps_per_epoch", steps_per_epoch, validation_split)
            x, y, sample_weight = tensor_data.batches(x, y, sample_weight), None, None
            batch_size, workers = None, 0
        if data.is_generator(x):
            _refuse_targets_beside(y, sample_weight, "fit")
            if batch_size is not None:
                raise ValueError(
                    "The `batch_size` argument must not be specified when using a generator, Sequence or "
                    "loader: it makes the batches."
                )
            if validation_split:
                raise ValueError("`validation_split` needs arrays; pass `validation_data` with a generator.")
            return self.fit_generator(
                x,
                steps_per_epoch=steps_per_epoch,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_data=validation_data,
                validation_steps=validation_steps,
                validation_freq=validation_freq,
                class_weight=class_weight,
                max_queue_size=max_queue_size,
                workers=workers,
                use_multiprocessing=use_multiprocessing,
                shuffle=bool(shuffle),
                initial_epoch=initial_epoch,
            )
        if not self._is_compiled:
            self._require_compiled()
        self._ensure_built(x)
        batch_size = self._validate_or_infer_batch_size(batch_size)
        feed = feeds.make_feed(
            self, x, y, sample_weight, class_weight, None if validation_split else batch_size
        )
        reading: dict[str, Any] = {
            "max_queue_size": max_queue_size,
            "workers": workers,
            "use_multiprocessing": use_multiprocessing,
        }
        validation = self._validation(validation_data, batch_size, validation_steps, reading)
        if validation_split:
            refuse_overridden(self, "test", "evaluate")
        if validation is None and validation_split:
            feed, held_out = feed.split(validation_split)
            validation = batches.ArrayBatches(held_out, batch_size)
        source = batches.ArrayBatches(feed, batch_size, shuffle, steps_per_epoch)
        return loops.fit(
            self,
            source,
            epochs,
            verbose,
            callbacks,
            validation,
            validation_steps,
            validation_freq,
            initial_epoch,
        )

    def _validation(
        self, validation_data: Any, batch_size: int, steps: int | None, reading: dict[str, Any]
    ) -> batches.Batches | None:
        """Batches of validation_data: a tuple of arrays, or a generator read as ``reading`` says."""
        if validation_data is None:
            return None
        refuse_overridden(self, "test", "evaluate")
        if isinstance(validation_data, tuple | list) and tensor_data.holds_tensors(*validation_data):
            tensor_data.check_steps("validation_steps", steps)
            validation_data = tensor_data.batches(*validation_data)
        if data.is_generator(validation_data):
            return batches.given_batches(self, validation_data, steps, **reading)
        x, y, weights = data.validation_tuple(validation_data)
        self._ensure_built(x)
        return batches.ArrayBatches(feeds.make_feed(self, x, y, weights, batch_size=batch_size), batch_size)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int = 1,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:
        """Loss and metrics in test mode: no dropout, moving statistics, means over all samples.

        Args: as for ``fit``; steps: number of batches, None for all.

        Returns:
            the loss, or a list of the loss and the metrics in the order of ``metrics_names``.
        """
        refuse_overridden(self, "test", "evaluate")
        data.check_count("steps", steps)
        if tensor_data.holds_tensors(x, y, sample_weight):
            tensor_data.check_steps("steps", steps)
            x, workers = tensor_data.batches(x, y, sample_weight), 0
            y = sample_weight = None
        if data.is_generator(x):
            _refuse_targets_beside(y, sample_weight, "evaluate")
            return self.evaluate_generator(
                x, steps, callbacks, max_queue_size, workers, use_multiprocessing, verbose
            )
        if not self._is_compiled:
            self._require_compiled()
        self._ensure_built(x)
        batch_size = self._validate_or_infer_batch_size(batch_size)
        source = batches.ArrayBatches(
            feeds.make_feed(self, x, y, sample_weight, None, batch_size), batch_size, False, steps
        )
        return self._evaluated(source, verbose, callbacks)

    def _evaluated(self, source: batches.Batches, verbose: int, callbacks: Any) -> Any:
        """Loss and metrics over batches, as numpy's scalars, which are Python's floats too."""
        found = loops.evaluate(self, source, verbose, callbacks)
        return unpack_singleton([np.asarray(value, np.float64)[()] for value in found.values()])

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int = 0,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:
        """Outputs for inputs, in test mode, by onnxruntime.

        Args:
            x: as for ``fit``.
            batch_size: samples per run (default: chosen by size; a stateful model takes its own).
            verbose: 1 shows a progress bar.
            steps: number of batches, None for all.
            callbacks: Callback objects.

        Returns:
            array (samples, ...), a list of them for several outputs, a dict by name where the model was made
            of a dict of outputs.
        """
        refuse_overridden(self, "predict", "predict")
        if type(x) is np.ndarray and not (verbose or callbacks or steps) and self._takes_directly(x):
            try:
                return steadily(lambda: self._prediction().executor().predict(x, batch_size))
            except RuntimeError:
                index_checks.check_inputs(self, [x])
                raise
        data.check_count("steps", steps)
        if tensor_data.holds_tensors(x):
            tensor_data.check_steps("steps", steps)
            x, workers = tensor_data.batches(x), 0
        if data.is_generator(x):
            return self.predict_generator(
                x, steps, callbacks, max_queue_size, workers, use_multiprocessing, verbose
            )
        arrays = feeds.input_arrays(self, x)
        if not arrays:
            return self._predict_unfed(steps)
        sampled = [array for array in arrays if array.shape]
        if not sampled or not self._samples_first() and not any(data.is_lazy(array) for array in arrays):
            return self._as_given(self._prediction()(arrays))
        arrays = data.cut_to_first(arrays)
        samples = data.count_samples([array for array in arrays if array.shape])
        if batch_size is not None or self.stateful:
            batch_size = self._validate_or_infer_batch_size(batch_size)
            if self.stateful and samples % batch_size:
                raise ValueError(
                    "In a stateful network, you should only pass inputs with a number of samples that can "
                    f"be divided by the batch size. Found: {samples} samples. Batch size: {batch_size}."
                )
        plain = not verbose and not callbacks and steps is None
        if (plain or len(sampled) < len(arrays)) and not any(data.is_lazy(array) for array in arrays):
            return self._as_given(self._prediction().predict(arrays, batch_size))
        source = batches.ArrayBatches(
            feeds.Feed(arrays, samples, False, partial(index_checks.check_inputs, self)),
            batch_size or 32,
            shuffle=False,
            steps=steps,
            as_numpy=True,
        )
        return self._as_given(loops.predict(self, source, verbose, callbacks))

    def _samples_first(self) -> bool:
        """Whether axis 0 of the inputs counts samples; a graph from an ONNX file may have it elsewhere."""
        return all(getattr(layer, "samples_first", True) for layer in self.layers)

    def _predict_unfed(self, steps: int | None) -> Any:
        """Outputs of a model that is fed nothing (``Input(tensor=...)``), one batch per step."""
        if steps is None:
            raise ValueError(
                f"The model {self.name} has no inputs to feed: say how many batches to compute by `steps`."
            )
        parts = [self._prediction()([]) for _ in range(steps)]
        return self._as_given([np.concatenate(outputs) for outputs in zip(*parts, strict=True)])

    def _takes_directly(self, x: np.ndarray) -> bool:
        """Whether the runtime's own checks are all that one array needs: the quick way for small batches."""
        predictor, inputs = self._predictor, self._feed_inputs
        return (
            predictor is not None
            and self._output_keys is None
            and predictor[0] == self.outputs
            and predictor[2]
            and x.ndim == inputs[0].rank
            and x.dtype == inputs[0].dtype
        )

    def _prediction(self) -> Any:
        """The compiled inference graph, with the states of stateful layers as updates."""
        if self._predictor is None or self._predictor[0] != self.outputs:
            from ..backend.execution import compile_graph, runs_on_onnxruntime

            inputs, replaced = feeds.feed_values(self)
            graph = Graph(self.outputs, inputs, self.state_updates, "inference", replaced=replaced)
            plain = len(graph.inputs) == 1 and not graph.updates and self._samples_first()
            direct = plain and runs_on_onnxruntime(graph)
            compiled = compile_graph(graph, input_names=self._feed_input_names)
            if direct and index_checks.lookups(self):  # a GPU gives zeros for indices out of range
                direct = compiled.executor().providers[0] == "CPUExecutionProvider"
            self._predictor = (list(self.outputs), compiled, direct)
        return self._predictor[1]

    # --- single batches -------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        reset_metrics: bool = True,
    ) -> Any:
        """One update on one batch.

        Returns:
            the loss before the update, or a list of the loss and the metrics.
        """
        refuse_overridden(self, "train", "train_on_batch")
        self._check_trainable_weights_consistency()
        feed = feeds.make_feed(self, x, y, sample_weight, class_weight)
        return self._one_batch(feed, "train", reset_metrics)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, reset_metrics: bool = True
    ) -> Any:
        """Loss, or list of the loss and the metrics, of one batch in test mode."""
        refuse_overridden(self, "test", "test_on_batch")
        return self._one_batch(feeds.make_feed(self, x, y, sample_weight), "test", reset_metrics)

    def _one_batch(self, feed: feeds.Feed, mode: str, reset_metrics: bool) -> Any:
        self._make_own_function(mode)
        with self._steps.alone():
            step = getattr(self._steps, mode)(feed.weighted)
            if reset_metrics:
                self.reset_metrics()
            loss = step([np.asarray(array[:]) if data.is_lazy(array) else array for array in feed.arrays])
            results = [np.asarray(x, K.floatx())[()] for x in (float(loss), *self._steps.results())]
            if reset_metrics:
                self.reset_metrics()
        return unpack_singleton(results)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch."""
        refuse_overridden(self, "predict", "predict_on_batch")
        arrays = feeds.input_arrays(self, x)
        if not arrays:
            return self._predict_unfed(1)
        run = self._prediction()
        return self._as_given(run.predict(arrays, None) if self._samples_first() else run(arrays))

    # --- generators -----------------------------------------------------------------------------------------

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """Trains on batches that a generator, Sequence or DataLoader gives: (x, y) or (x, y, sample_weight).

        Args: as for ``fit``. steps_per_epoch may be left out for a Sequence, whose length it is, and for a
        loader, of which an epoch is one pass.
        """
        refuse_overridden(self, "train", "fit_generator")
        _check_counts(epochs, initial_epoch, steps_per_epoch, validation_steps)
        reading: dict[str, Any] = {
            "max_queue_size": max_queue_size,
            "workers": workers,
            "use_multiprocessing": use_multiprocessing,
        }
        source = batches.given_batches(self, generator, steps_per_epoch, shuffle, class_weight, **reading)
        validation = self._validation(
            validation_data, self._validate_or_infer_batch_size(None), validation_steps, reading
        )
        return loops.fit(
            self,
            source,
            epochs,
            verbose,
            callbacks,
            validation,
            validation_steps,
            validation_freq,
            initial_epoch,
        )

    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int = 0,
    ) -> Any:
        """Loss and metrics over batches that a generator, Sequence or DataLoader gives."""
        refuse_overridden(self, "test", "evaluate_generator")
        source = batches.given_batches(
            self,
            generator,
            steps,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )
        return self._evaluated(source, verbose, callbacks)

    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int = 0,
    ) -> Any:
        """Outputs for batches that a generator, Sequence or DataLoader gives."""
        refuse_overridden(self, "predict", "predict_generator")
        source = batches.given_batches(
            self,
            generator,
            steps,
            inputs_only=True,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )
        return self._as_given(loops.predict(self, source, verbose, callbacks))

    # --- pickling -------------------------------------------------------------------------------------------

    def to_torch(self, training: bool = False, device: str = "cpu") -> Any:
        """The model as a live torch.nn.Module that shares the weights.

        What a torch optimizer or ``load_state_dict`` writes, this model has, and the other way round.

        Args:
            training: the mode in which it comes; ``train()`` and ``eval()`` of the module change it. Frozen
                layers are those that are frozen now.
            device: where it computes.

        Returns:
            an nn.Module that takes one tensor per input, laid out as in Keras, and returns a tensor, or a
            tuple for several outputs.

        Raises:
            ValueError: if the model is not built.
        """
        from ...torch_bridge.live_module import LiveModule
        from .compilation import frozen_layers

        if not self.inputs or not self.outputs:
            raise ValueError(
                f"The model {self.name} is not built yet; call build(batch_input_shape), or fit it first."
            )
        training_graph = Graph(self.outputs, self._feed_inputs, self.updates, "train", frozen_layers(self))
        inference_graph = Graph(self.outputs, self._feed_inputs, self.state_updates, "inference")
        module = LiveModule(training_graph, inference_graph, set(self.trainable_weights), device)
        return module.train(training)

    def __reduce__(self) -> Any:
        from ..saving.copying import model_from_state, picklable_state

        return model_from_state, (picklable_state(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        from ..saving.copying import copied

        memo[id(self)] = made = copied(self)
        return made

    def __copy__(self) -> Model:
        return self.__deepcopy__({})


def _refuse_targets_beside(y: Any, sample_weight: Any, method: str) -> None:
    if y is not None or sample_weight is not None:
        raise ValueError(
            "`y` and `sample_weight` come from the generator or loader; do not pass them to "
            f"{method} as well."
        )


def _check_counts(epochs: Any, initial_epoch: Any, steps_per_epoch: Any, validation_steps: Any) -> None:
    data.check_count("epochs", epochs, least=0)
    data.check_count("initial_epoch", initial_epoch, least=0)
    data.check_count("steps_per_epoch", steps_per_epoch)
    data.check_count("validation_steps", validation_steps)


registry.register(globals())
registry.name("layer", {"Functional": Model, "Model": Model})
