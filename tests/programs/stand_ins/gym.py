"""A stand-in for gym: a pole to balance, a pendulum to swing.

Programs that ask for CartPole-v1 are of gym 0.26, where reset gives two values and step five; the others
are of what was before.
"""

import numpy as np


class _Space:
    def __init__(self, low=None, high=None, shape=(), n=None):
        self.low, self.high, self.shape, self.n = low, high, shape, n

    def sample(self):
        """Any action."""
        return np.random.randint(self.n) if self.n else np.random.uniform(self.low, self.high, self.shape)

    def seed(self, seed=None):
        """Not needed."""


class _Environment:
    """Rewards every step, so that what waits for a good agent ends soon."""

    def __init__(self, observations, action_space, length, reward):
        self.observation_space = _Space(
            shape=(observations,), low=-np.ones(observations), high=np.ones(observations)
        )
        self.action_space = action_space
        self._length, self._reward = length, reward
        self._step, self._rng = 0, np.random.default_rng(0)

    def seed(self, seed=None):
        """Draws from this seed on."""
        self._rng = np.random.default_rng(seed)

    def _observation(self):
        return self._rng.uniform(-0.1, 0.1, self.observation_space.shape).astype("float32")

    def reset(self, **_):
        """The first observation."""
        self._step = 0
        return self._observation()

    def step(self, action):
        """The next observation, the reward, whether this was the last, and nothing else."""
        self._step += 1
        return self._observation(), self._reward, self._step >= self._length, {}

    def render(self, mode="human", **_):
        """A white picture."""
        return np.full((40, 60, 3), 255, "uint8")

    def close(self):
        """Nothing is open."""


class _Later(_Environment):
    """As since gym 0.26."""

    def reset(self, seed=None, **_):
        """The first observation, and what else is to be said."""
        self.seed(seed)
        return super().reset(), {}

    def step(self, action):
        """The next observation, the reward, whether this was the last, whether time is over, what else."""
        observation, reward, done, said = super().step(action)
        return observation, reward, done, False, said


Env = _Environment


def make(name, **_):
    """An environment by its name."""
    if name == "CartPole-v1":
        return _Later(4, _Space(n=2), 40, 100.0)
    if name.startswith("CartPole"):
        return _Environment(4, _Space(n=2), 40, 100.0)
    if name.startswith("Pendulum"):
        return _Environment(3, _Space(-np.ones(1) * 2, np.ones(1) * 2, (1,)), 4, -1.0)
    raise ValueError(f"nothing stands in for the environment {name!r}")
