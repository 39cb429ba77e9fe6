"""Model: a network that can be compiled, trained, evaluated and used for prediction."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import Graph, Value
from .. import backend as K
from .. import registry
from ..backend.execution import computed_by
from ..callbacks import History
from ..core.call_frames import current_frame
from ..core.called_on_numbers import are_numbers, fits_input
from ..utils.generic_utils import unpack_singleton
from ..utils.interactive import is_interactive_logging_enabled
from . import dataset_adapters as dataset_adapters
from . import loops as loops
from .arrays import count_samples, cut_to_first, is_lazy
from .compilation import frozen_layers
from .compiled_network import refuse_unknown
from .data_adapters import (
    ArrayAdapter,
    DataAdapter,
    DataArguments,
    ValidationArguments,
    adapter_class,
    batch_source,
    data_adapter,
    gives_batches,
)
from .nests import Structure, flatten
from .own_steps import as_number
from .step_inputs import (
    StepInputs,
    check_count,
    check_divisible,
    standard_inputs,
    step_inputs,
)
from .stepping_network import SteppingNetwork
from .symbolic_data import computed

if TYPE_CHECKING:
    from ...torch_bridge.live_module import LiveModule


class Model(SteppingNetwork):
    """Layers grouped into a model.

    ``Model(inputs, outputs)`` takes what lies between tensors; a subclass makes layers in ``__init__`` and
    overrides ``call(self, inputs)``.

    Attributes:
        optimizer: the optimizer, once compiled.
        stop_training: set it to True in a callback to end fit.
        history: the History of the last fit.
    """

    def _record_call(self, inputs: list[Value], outputs: list[Value], *said: Any) -> None:
        super()._record_call(inputs, outputs, *said)
        input_masks, _, arguments, *_ = said
        settled = set(arguments) <= {"training"} and not arguments.get("training")
        if settled and current_frame() is None and self._only_predicts(inputs, input_masks):
            compiled = self._predicting_run()
            computed_by(outputs, lambda: compiled([x.numpy() for x in inputs]))

    def _only_predicts(self, inputs: list[Value], masks: list[Any]) -> bool:
        """Whether ``predict`` computes what a call on these inputs does: numbers of its own types and shapes,
        without masks or states."""
        if not self._is_graph_network or not are_numbers(inputs) or any(mask is not None for mask in masks):
            return False
        if len(self._feed_inputs) != len(inputs) or self.state_updates or self._text_stage is not None:
            return False
        return all(fits_input(x, own) for x, own in zip(inputs, self._feed_inputs, strict=True))

    # --- fit, evaluate, predict -----------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = 1,
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
        validation_batch_size: int | None = None,
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
            validation_batch_size: samples per batch of validation (default: batch_size).

        Returns:
            History, whose ``history`` maps names to lists of one value per epoch.

        Raises:
            RuntimeError: if the model is not compiled.
            ValueError: if the data do not fit the model.
        """
        if "nb_epoch" in kwargs:
            warnings.warn("The `nb_epoch` argument in `fit` has been renamed `epochs`.", stacklevel=2)
            epochs = kwargs.pop("nb_epoch")
        refuse_unknown(kwargs, Model.fit)
        given = DataArguments(
            x,
            y,
            sample_weight,
            class_weight,
            batch_size,
            shuffle,
            validation_split,
            steps_per_epoch,
            "steps_per_epoch",
            (max_queue_size, workers, use_multiprocessing),
        )
        validation = ValidationArguments(
            validation_data, validation_steps, validation_freq, validation_batch_size
        )
        shown = _verbosity(verbose)
        if not gives_batches(given) or validation_batch_size is not None:
            return self._fit_on_data(given, validation, epochs, initial_epoch, shown, callbacks)
        return self.fit_generator(
            x,
            steps_per_epoch,
            epochs,
            shown,
            callbacks,
            validation_data,
            validation_steps,
            validation_freq,
            class_weight,
            max_queue_size,
            workers,
            use_multiprocessing,
            bool(shuffle),
            initial_epoch,
        )

    def _fit_on_data(
        self,
        given: DataArguments,
        validation: ValidationArguments,
        epochs: int,
        initial_epoch: int,
        verbose: int,
        callbacks: Sequence[Any] | None,
    ) -> History:
        check_count("epochs", epochs, least=0)
        check_count("initial_epoch", initial_epoch, least=0)
        check_count("steps_per_epoch", given.steps)
        check_count("validation_steps", validation.steps)
        if not self._is_compiled:
            self._require_compiled()
        source, held_out = self._source(given), None
        given = replace(given, as_it_is=self._writes_steps)
        if validation.data is not None:
            size = validation.batch_size or source.batch_size
            held_out = data_adapter(self, given.to_validate(validation.data, size, validation.steps))
        elif given.validation_split:
            source, held_out = source.split(given.validation_split, validation.batch_size)
        if held_out is not None and validation.steps is not None:
            held_out.limit(validation.steps)
        return loops.fit(self, source, epochs, verbose, callbacks, held_out, validation.freq, initial_epoch)

    def _source(self, given: DataArguments) -> DataAdapter:
        """Data for training and evaluation. It may build a model that is not built yet, of which only then
        is known how its steps run."""
        before = self._writes_steps
        try:
            source = data_adapter(self, replace(given, as_it_is=before))
            if not (before or self.inputs) and self._may_compute_by_python:
                source.look_ahead()
            return source
        except RuntimeError:
            if self._writes_steps == before:
                raise
            return data_adapter(self, replace(given, as_it_is=self._writes_steps))

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = 1,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics in test mode: no dropout, moving statistics, means over all samples.

        Args: as for ``fit``; steps: number of batches, None for all; return_dict: see below.

        Returns:
            the loss, or a list of the loss and the metrics in the order of ``metrics_names``; with
            return_dict a dict of them by name.
        """
        reading = (max_queue_size, workers, use_multiprocessing)
        given = DataArguments(
            x, y, sample_weight, batch_size=batch_size, steps=steps, reading=reading, method="evaluate"
        )
        shown = _verbosity(verbose)
        if gives_batches(given) and not return_dict:
            return self.evaluate_generator(x, steps, callbacks, *reading, shown)
        return self._evaluate_on_data(given, shown, callbacks, return_dict)

    def _evaluate_on_data(
        self, given: DataArguments, verbose: int, callbacks: Any, return_dict: bool = False
    ) -> Any:
        check_count("steps", given.steps)
        if not self._is_compiled:
            self._require_compiled()
        source = self._source(given)
        found = loops.evaluate(self, source, verbose, callbacks)
        # numpy's scalars, which are Python's floats too
        results = {name: np.asarray(value, np.float64)[()] for name, value in found.items()}
        return results if return_dict else unpack_singleton(list(results.values()))

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
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
        verbose = _verbosity(verbose)
        predictor = None if self._writes_prediction else self._network_predictor
        if predictor is not None and predictor.takes(x, batch_size) and not (verbose or callbacks or steps):
            return predictor.predict(x, batch_size)
        reading = (max_queue_size, workers, use_multiprocessing)
        given = DataArguments(x, batch_size=batch_size, steps=steps, reading=reading, method="predict")
        if gives_batches(given):
            return self.predict_generator(x, steps, callbacks, *reading, verbose)
        return self._predict_on_data(given, verbose, callbacks)

    def _predict_on_data(self, given: DataArguments, verbose: int, callbacks: Any) -> Any:
        check_count("steps", given.steps)
        if self._writes_prediction:
            return self._predict_by_steps(given, verbose, callbacks)
        kind = adapter_class(given)
        if kind is ArrayAdapter:
            return self._as_given(self._predict_arrays(given, verbose, callbacks))
        return self._as_given(loops.predict(self, kind.make(self, given), verbose, callbacks))

    def _predict_by_steps(self, given: DataArguments, verbose: int, callbacks: Any) -> Any:
        """What the model's own predict_step returns for all batches, one behind the other."""
        structures: list[Structure] = []

        def run(batch: StepInputs) -> list[np.ndarray]:
            outputs, structure = flatten(self._own_steps.run("predict", batch.weighted, batch.arrays))
            structures[:] = [structure]
            return [np.asarray(as_number(output)) for output in outputs]

        source = data_adapter(self, replace(given, as_it_is=True))
        outputs = loops.predict(self, source, verbose, callbacks, run)
        return structures[0].pack(outputs)

    def _predict_arrays(self, given: DataArguments, verbose: int, callbacks: Any) -> list[np.ndarray]:
        """One array per output. Where nobody watches the batches, the runtime makes them."""
        arrays = standard_inputs(self, given.x)
        if not arrays:
            return self._predict_unfed(given.steps)
        predictor = self._network_predictor
        on_disk = any(map(is_lazy, arrays))
        with_samples = [array for array in arrays if array.shape]
        if not with_samples or not predictor.samples_first and not on_disk:
            return predictor.compiled(arrays)
        arrays = cut_to_first(arrays)
        samples = count_samples([array for array in arrays if array.shape])
        size = given.batch_size
        if size is not None or self.stateful:
            size = self._validate_or_infer_batch_size(size)
            check_divisible(self, samples, size)
        watched = bool(verbose or callbacks or given.steps)
        if not on_disk and (not watched or len(with_samples) < len(arrays)):
            return predictor.compiled.predict(arrays, size)
        inputs = StepInputs(arrays, samples, check=predictor.check_indices)
        source = ArrayAdapter(inputs, size or 32, steps=given.steps, as_numpy=True)
        return loops.predict(self, source, verbose, callbacks)

    def _predict_unfed(self, steps: int | None) -> list[np.ndarray]:
        """Outputs of a model that takes no data (``Input(tensor=...)``), one batch per step."""
        if steps is None:
            raise ValueError(
                f"The model {self.name} has no inputs to feed: say how many batches to compute by `steps`."
            )
        parts = [self._predicting_run()([]) for _ in range(steps)]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    # --- single batches -------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """One update on one batch.

        Returns:
            the loss before the update, or a list of the loss and the metrics; with return_dict a dict of
            them by name.
        """
        self._check_trainable_weights_consistency()
        return self._step_on_batch("train", x, y, sample_weight, class_weight, reset_metrics, return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """Loss, or list of the loss and the metrics, of one batch in test mode; see ``train_on_batch``."""
        return self._step_on_batch("test", x, y, sample_weight, None, reset_metrics, return_dict)

    def _step_on_batch(
        self,
        mode: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        reset_metrics: bool,
        return_dict: bool,
    ) -> Any:
        if self._writes_steps:
            given = (x, y, sample_weight, class_weight)
            return self._on_own_batch(mode, *given, reset_metrics, return_dict)
        x, y, sample_weight = computed(x, y, sample_weight)
        try:
            batch = step_inputs(self, x, y, sample_weight, class_weight)
        except RuntimeError:
            if not self._writes_steps:  # which may be known only since the data has built the model
                raise
            return self._on_own_batch(mode, x, y, sample_weight, class_weight, reset_metrics, return_dict)
        self._make_own_function(mode)
        with self._compiled_steps.alone():
            step = getattr(self._compiled_steps, mode)(batch.weighted)
            if reset_metrics:
                self.reset_metrics()
            loss = step([np.asarray(array[:]) if is_lazy(array) else array for array in batch.arrays])
            results = [np.asarray(x, K.floatx())[()] for x in (float(loss), *self._compiled_steps.results())]
            if reset_metrics:
                self.reset_metrics()
        if return_dict:
            return dict(zip(self.metrics_names, results, strict=True))
        return unpack_singleton(results)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch."""
        if self._writes_prediction:
            return self._predict_by_steps(DataArguments(x, batch_size=len(x)), 0, None)
        if self._network_predictor.takes(x):
            return self._network_predictor.predict(x)
        arrays = standard_inputs(self, *computed(x))
        if not arrays:
            return self._as_given(self._predict_unfed(1))
        run = self._predicting_run()
        return self._as_given(run.predict(arrays) if self._network_predictor.samples_first else run(arrays))

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
        given = DataArguments(
            batch_source(generator),
            class_weight=class_weight,
            shuffle=shuffle,
            steps=steps_per_epoch,
            reading=(max_queue_size, workers, use_multiprocessing),
        )
        validation = ValidationArguments(validation_data, validation_steps, validation_freq)
        return self._fit_on_data(given, validation, epochs, initial_epoch, verbose, callbacks)

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
        reading = (max_queue_size, workers, use_multiprocessing)
        source = batch_source(generator)
        given = DataArguments(source, steps=steps, reading=reading, method="evaluate")
        return self._evaluate_on_data(given, verbose, callbacks)

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
        reading = (max_queue_size, workers, use_multiprocessing)
        source = batch_source(generator)
        given = DataArguments(source, steps=steps, reading=reading, method="predict")
        return self._predict_on_data(given, verbose, callbacks)

    # --- pickling -------------------------------------------------------------------------------------------

    def to_torch(self, training: bool = False, device: str = "cpu") -> LiveModule:
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

        if not self.inputs or not self.outputs:
            raise ValueError(
                f"The model {self.name} is not built yet; call build(batch_input_shape), or fit it first."
            )
        training_graph = Graph(self.outputs, self._graph_inputs, self.updates, "train", frozen_layers(self))
        inference_graph = Graph(self.outputs, self._graph_inputs, self.state_updates, "inference")
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


def _verbosity(verbose: int | str) -> int:
    """0, 1 or 2; "auto" of later versions of Keras shows a bar, or a line per epoch where nobody looks.

    Raises:
        ValueError: for another text.
    """
    if isinstance(verbose, str) and verbose != "auto":
        raise ValueError(f'verbose must be 0, 1, 2 or "auto"; found {verbose!r}.')
    if verbose == "auto":
        return 1 if is_interactive_logging_enabled() else 2
    return int(verbose)


registry.register(globals())
registry.name("layer", {"Functional": Model, "Model": Model})
