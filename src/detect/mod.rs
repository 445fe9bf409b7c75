//! Series, baselines, scores, episodes: how a deviation is found. Pure: no IO, no clock, no threads, no logging; time comes in as a value.
