"""Sequence and the enqueuers: order, epochs, errors, ends, threads and processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from kcompile.keras.utils import data_utils, enqueuers
from kcompile.keras.utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence


class Numbers(Sequence):
    """Batches [offset + i]; ``on_epoch_end`` raises the offset by 100."""

    def __init__(self, length=12, delay=0.0):
        self.length = length
        self.delay = delay
        self.offset = 0

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        time.sleep(self.delay * (index % 3))
        return np.array([self.offset + index])

    def on_epoch_end(self):
        self.offset += 100


class Failing(Numbers):
    def __getitem__(self, index):
        if index == 5:
            raise KeyError("sample 5 is broken")
        return super().__getitem__(index)


class Dying(Numbers):
    def __getitem__(self, index):
        if index == 5:
            os._exit(3)
        return super().__getitem__(index)


def take(enqueuer, count):
    batches = enqueuer.get()
    return [int(next(batches)[0]) for _ in range(count)]


both = pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])


def test_a_sequence_is_iterable_and_abstract():
    assert [int(b[0]) for b in Numbers(3)] == [0, 1, 2]
    with pytest.raises(NotImplementedError, match="Sequence must define __getitem__"):
        Sequence()[0]
    with pytest.raises(NotImplementedError, match="__len__"):
        len(Sequence())


@both
def test_batches_keep_their_order_over_epochs_and_see_on_epoch_end(processes):
    enqueuer = OrderedEnqueuer(Numbers(6, delay=0.002), use_multiprocessing=processes)
    enqueuer.start(workers=3, max_queue_size=4)
    try:
        assert take(enqueuer, 14) == [*range(6), *range(100, 106), 200, 201]
    finally:
        enqueuer.stop()
    assert not enqueuer.is_running()


def test_end_of_epoch_waits_for_the_consumer_or_its_word():
    sequence = Numbers(2)
    enqueuer = OrderedEnqueuer(sequence)
    enqueuer.start()
    try:
        assert take(enqueuer, 2) == [0, 1]
        assert sequence.offset == 0
        enqueuer.join_end_of_epoch()
        assert sequence.offset == 100
        enqueuer.join_end_of_epoch()  # the next epoch has not been used yet
        assert sequence.offset == 100
        assert take(enqueuer, 2) == [100, 101]
    finally:
        enqueuer.stop()


def test_shuffle_draws_each_epochs_order_from_pythons_random():
    random.seed(7)
    enqueuer = OrderedEnqueuer(Numbers(8), shuffle=True)
    enqueuer.start(workers=2)
    try:
        found = take(enqueuer, 16)
    finally:
        enqueuer.stop()
    random.seed(7)
    first, second = list(range(8)), list(range(8))
    random.shuffle(first)
    random.shuffle(second)
    assert found == first + [100 + i for i in second]


def test_no_more_than_the_queue_size_is_prepared_ahead():
    asked = []

    class Recorded(Numbers):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    enqueuer = OrderedEnqueuer(Recorded(50))
    enqueuer.start(workers=2, max_queue_size=3)
    try:
        time.sleep(0.1)
        assert sorted(asked) == [0, 1, 2]
        take(enqueuer, 2)
        time.sleep(0.1)
        assert sorted(asked) == [0, 1, 2, 3, 4]
    finally:
        enqueuer.stop()


@both
def test_an_error_in_a_worker_is_raised_in_the_consumer_and_stops(processes):
    enqueuer = OrderedEnqueuer(Failing(), use_multiprocessing=processes)
    enqueuer.start(workers=2)
    batches = enqueuer.get()
    assert [int(next(batches)[0]) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError, match="sample 5 is broken"):
        next(batches)
    assert not enqueuer.is_running()


def test_a_worker_process_that_dies_is_an_error_not_a_hang():
    enqueuer = OrderedEnqueuer(Dying(), use_multiprocessing=True)
    with pytest.raises(RuntimeError, match="worker process died before batch"):
        enqueuer.start(workers=1, max_queue_size=2)
        for _ in enqueuer.get():
            pass
    assert not enqueuer.is_running()


def test_worker_processes_draw_random_numbers_by_batch_and_leave_ours_alone():
    class Noise(Numbers):
        def __getitem__(self, index):
            return np.random.uniform(size=1) * 1e9

    def run(workers):
        np.random.seed(3)
        enqueuer = OrderedEnqueuer(Noise(6), use_multiprocessing=True)
        enqueuer.start(workers=workers)
        try:
            return take(enqueuer, 12)
        finally:
            enqueuer.stop()

    one, two = run(1), run(2)
    assert one == two
    assert len(set(one)) == 12
    drawn = np.random.uniform()
    np.random.seed(3)
    assert drawn == np.random.uniform()


def test_empty_sequence_and_second_start_are_errors():
    with pytest.raises(ValueError, match="no batches"):
        OrderedEnqueuer(Numbers(0)).start()
    enqueuer = OrderedEnqueuer(Numbers(3))
    enqueuer.start()
    with pytest.raises(RuntimeError, match="running already"):
        enqueuer.start()
    enqueuer.stop()
    enqueuer.stop()


def test_stop_ends_the_workers():
    before = threading.active_count()
    enqueuer = OrderedEnqueuer(Numbers(100, delay=0.001))
    enqueuer.start(workers=4)
    take(enqueuer, 3)
    enqueuer.stop()
    assert threading.active_count() == before
    assert list(enqueuer.get()) == []
    enqueuer.start()
    assert take(enqueuer, 2)[0] in (0, 100)
    enqueuer.stop(timeout=1)


def test_stop_ends_the_wait_of_another_thread():
    go_on = threading.Event()

    def slow():
        yield 1
        go_on.wait(30)
        yield 2

    enqueuer = GeneratorEnqueuer(slow())
    enqueuer.start(max_queue_size=10)
    batches = enqueuer.get()
    assert next(batches) == 1
    waited = []

    def wait():
        try:
            next(batches)
        except BaseException as error:
            waited.append(type(error).__name__)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.05)
    enqueuer.stop(timeout=0)
    waiting.join(10)
    go_on.set()
    assert not waiting.is_alive() and waited == ["CancelledError"]


def test_a_batch_is_given_as_soon_as_it_is_there():
    asked = threading.Semaphore(0)

    def one_by_one():
        for number in range(4):
            asked.acquire(timeout=30)
            yield number

    enqueuer = GeneratorEnqueuer(one_by_one())
    enqueuer.start(max_queue_size=10)
    batches = enqueuer.get()
    for number in range(4):
        asked.release()
        assert next(batches) == number
    enqueuer.stop()


def test_none_batches_are_skipped():
    class Gaps(Numbers):
        def __getitem__(self, index):
            return None if index % 2 else super().__getitem__(index)

    enqueuer = OrderedEnqueuer(Gaps(6))
    enqueuer.start()
    try:
        assert take(enqueuer, 3) == [0, 2, 4]
    finally:
        enqueuer.stop()


def test_generator_keeps_order_with_any_number_of_threads_and_ends():
    enqueuer = GeneratorEnqueuer(np.array([i]) for i in range(20))
    enqueuer.start(workers=4, max_queue_size=5)
    try:
        assert [int(b[0]) for b in enqueuer.get()] == list(range(20))
    finally:
        enqueuer.stop()


def test_iterator_that_is_no_generator_is_shared_by_the_threads():
    class Locked:
        def __init__(self):
            self.lock, self.next, self.threads = threading.Lock(), 0, set()

        def __next__(self):
            with self.lock:
                self.next += 1
                value = self.next
            self.threads.add(threading.get_ident())
            time.sleep(0.005)
            return np.array([value])

    source = Locked()
    enqueuer = GeneratorEnqueuer(source)
    enqueuer.start(workers=3)
    try:
        assert sorted(take(enqueuer, 12)) == list(range(1, 13))
    finally:
        enqueuer.stop()
    assert len(source.threads) > 1


def test_generator_in_processes_repeats_per_worker_and_ends():
    def source():
        for i in range(4):
            yield np.array([i])

    enqueuer = GeneratorEnqueuer(source(), use_multiprocessing=True, random_seed=1)
    enqueuer.start(workers=2, max_queue_size=3)
    try:
        found = [int(b[0]) for b in enqueuer.get()]
    finally:
        enqueuer.stop()
    assert set(found) == {0, 1, 2, 3} and 4 <= len(found) <= 8


def test_error_in_a_generator_is_raised_in_the_consumer():
    def source():
        yield np.array([0])
        raise OSError("the disk is gone")

    enqueuer = GeneratorEnqueuer(source())
    enqueuer.start()
    batches = enqueuer.get()
    next(batches)
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)
    assert not enqueuer.is_running()


def test_wait_time_is_deprecated():
    with pytest.warns(DeprecationWarning, match="wait_time"):
        GeneratorEnqueuer(iter([]), wait_time=0.1)


def test_pool_functions_find_their_data_by_id(monkeypatch):
    monkeypatch.setattr(enqueuers, "_SHARED_SEQUENCES", {})
    data_utils.init_pool({7: [10, 20]})
    assert data_utils.get_index(7, 1) == 20
    data_utils.init_pool_generator({8: iter([1])})
    assert data_utils.next_sample(8) == 1
    with pytest.raises(StopIteration):
        data_utils.next_sample(8)


# --- worker processes of torch's DataLoader ---


class Shaped(Sequence):
    """Batches of nested containers, with arrays large enough to go through shared memory."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        large = np.full((300, 40), i, "float32")
        inputs = {"a": large[::-1], "b": np.arange(5, dtype="uint16") + i}
        return inputs, [large.astype(bool), np.array(["x", None], object)], np.full(9000, i, "uint64")


def test_batches_from_processes_keep_types_shapes_and_containers():
    enqueuer = OrderedEnqueuer(Shaped(), use_multiprocessing=True)
    enqueuer.start(workers=2, max_queue_size=4)
    batches = enqueuer.get()
    for i in (0, 1, 2, 0):
        inputs, (flags, names), weights = next(batches)
        np.testing.assert_array_equal(inputs["a"], np.full((300, 40), i, "float32"))
        assert (inputs["a"].dtype, inputs["b"].dtype, flags.dtype, names.dtype, weights.dtype) == (
            np.float32, np.uint16, bool, object, np.uint64,
        )  # fmt: skip
        assert inputs["b"][0] == weights[0] == i
        inputs["a"] += 1  # it is the consumer's own
    enqueuer.stop()


class OwnError(Exception):
    """Cannot be unpickled: it asks for two arguments."""

    def __init__(self, what, where):
        super().__init__(f"{what} at {where}")


class Unlucky(Sequence):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i == 2:
            raise self.error
        return i


@pytest.mark.parametrize(
    "error, expected, message",
    [
        (KeyError("image 7"), KeyError, "image 7"),
        (OwnError("broken", "row 3"), RuntimeError, "OwnError: broken at row 3"),
    ],
)
def test_the_exception_of_a_process_comes_with_its_traceback(error, expected, message):
    enqueuer = OrderedEnqueuer(Unlucky(error), use_multiprocessing=True)
    enqueuer.start(workers=1)
    batches = enqueuer.get()
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(expected, match=message) as caught:
        next(batches)
    assert "in __getitem__" in str(caught.value.__cause__)
    assert not enqueuer.is_running()


def test_fit_reads_a_sequence_in_processes():
    from kcompile.keras import layers
    from kcompile.keras.models import Sequential

    class Data(Sequence):
        scale = 1.0

        def __len__(self):
            return 4

        def __getitem__(self, i):
            x = np.full((8, 3), i, "float32")
            return x, x[:, :1] * self.scale

        def on_epoch_end(self):
            self.scale = 0.0

    histories = []
    for processes in (False, True):
        np.random.seed(0)
        model = Sequential([layers.Dense(1, input_shape=(3,))])
        model.compile("sgd", "mse")
        options = {"workers": 2, "use_multiprocessing": processes, "shuffle": False, "verbose": 0}
        histories.append(model.fit(Data(), epochs=3, **options).history["loss"])
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-5)


def test_threads_load_no_torch():
    code = (
        "import sys\n"
        "from kcompile.keras.utils import OrderedEnqueuer, Sequence\n"
        "class S(Sequence):\n"
        "    def __len__(self): return 2\n"
        "    def __getitem__(self, i): return i\n"
        "e = OrderedEnqueuer(S()); e.start(workers=2); assert next(e.get()) == 0; e.stop()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
