//! The commands as processes: exit codes, standard output and error, files.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod backtest;
mod check;
mod demo;
mod dlq;
mod generate;
mod replay;
mod replay_memory;
mod rules;
