//! Signals and HTTP: everything that is asynchronous, on a runtime of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::Daemon;
use super::stop::Stop;
use crate::commands::ExitError;
use crate::http::{self, Health};

/// Longest wait for requests under way at the end.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Signals this soon after the first are the same request: timeout(1), and a supervisor beside a terminal, send it twice.
const SAME_REQUEST: Duration = Duration::from_millis(200);

/// The runtime, while it lives.
pub(super) struct Shell {
    runtime: Runtime,
    listen: SocketAddr,
    shutdown: watch::Sender<bool>,
}

impl Shell {
    /// Opens the HTTP listener and begins to listen for signals.
    ///
    /// # Errors
    /// When the address is taken, or the system refuses a handler.
    pub(super) fn start(daemon: &Daemon) -> Result<Self, ExitError> {
        let failed = |error: std::io::Error| ExitError::new(sysexits::ExitCode::OsErr, error.to_string());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
        let (shutdown, shut) = watch::channel(false);
        let listener = runtime
            .block_on(http::bind(daemon.config.http.listen))
            .map_err(|error| ExitError::new(sysexits::ExitCode::IoErr, error.to_string()))?;
        let listen = listener.local_addr().map_err(failed)?;
        let serving = http::serve(listener, daemon.metrics.clone(), daemon.health.clone(), shut);
        runtime.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "HTTP has ended");
            }
        });
        let signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(failed)?
        };
        runtime.spawn(signals.obey(daemon.stop.clone(), daemon.health.clone()));
        tracing::info!(%listen, "serving /metrics, /livez and /readyz");
        Ok(Self { runtime, listen, shutdown })
    }

    /// Where HTTP listens.
    pub(super) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Closes HTTP.
    pub(super) fn end(self) {
        // Nobody listens any more if serving has ended already.
        let _ = self.shutdown.send(true);
        self.runtime.shutdown_timeout(CLOSE_MAX);
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The first signal asks everybody to finish; a second one does not wait for that.
    #[expect(clippy::disallowed_methods, reason = "a second signal asks for an end without the transaction's")]
    async fn obey(mut self, stop: Arc<Stop>, health: Arc<Health>) {
        let first = self.next().await;
        tracing::info!(signal = first.name(), "finishing the open transaction; a second signal ends at once");
        health.stop();
        stop.set();
        let same = tokio::time::sleep(SAME_REQUEST);
        tokio::pin!(same);
        loop {
            tokio::select! {
                () = &mut same => break,
                _ = self.next() => {}
            }
        }
        let second = self.next().await;
        tracing::warn!(
            signal = second.name(),
            "second signal: ending at once, the open transaction is left to the broker"
        );
        std::process::exit(second.exit_code());
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
        }
    }
}

/// The signals that ask for an end.
#[derive(Clone, Copy)]
enum Asked {
    Terminate,
    Interrupt,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// As a shell reports a process that the signal has killed.
    fn exit_code(self) -> i32 {
        match self {
            Self::Terminate => 128 + 15,
            Self::Interrupt => 128 + 2,
        }
    }
}
