//! The only place where metric names are spelled.
