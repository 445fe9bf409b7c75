//! The control plane: signals and HTTP, on an asynchronous runtime of its own. Never touches Kafka.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::handles::Handles;
use super::stop::StopSignal;
use crate::commands::exit_error::ExitError;
use crate::http::{self, Health};

/// Longest wait for open requests when HTTP closes.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// A second signal within this time is the same request: timeout(1), and a supervisor beside a terminal, send
/// it twice.
const SAME_REQUEST: Duration = Duration::from_millis(200);

/// The runtime and what closes it.
pub(crate) struct ControlPlane {
    runtime: Runtime,
    listen: SocketAddr,
    shutdown: watch::Sender<bool>,
}

impl ControlPlane {
    /// Opens the HTTP listener and installs the signal handlers.
    ///
    /// # Errors
    /// 74 if the address is taken, 71 if the system refuses a handler.
    pub(crate) fn start(handles: &Handles) -> Result<Self, ExitError> {
        let refused = |error: std::io::Error| ExitError::system(&error);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(refused)?;
        let (shutdown, closes) = watch::channel(false);
        let listener = runtime
            .block_on(http::bind(handles.config.http.listen))
            .map_err(|error| ExitError::io(error.to_string()))?;
        let listen = listener.local_addr().map_err(refused)?;
        let serving = http::serve(listener, handles.metrics.clone(), handles.health.clone(), closes);
        runtime.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "HTTP has ended");
            }
        });
        let signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(refused)?
        };
        runtime.spawn(signals.obey(handles.stop.clone(), handles.health.clone()));
        tracing::info!(%listen, "serving /metrics, /livez and /readyz");
        Ok(Self { runtime, listen, shutdown })
    }

    /// The address that HTTP listens on.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Closes HTTP.
    pub(crate) fn close(self) {
        // The channel has no receiver if serving has ended already.
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

    /// The first signal asks all threads to finish; the second one ends the process at once.
    #[expect(clippy::disallowed_methods, reason = "a second signal ends at once")]
    async fn obey(mut self, stop: Arc<StopSignal>, health: Arc<Health>) {
        let first = self.next().await;
        tracing::info!(signal = first.name(), "finishing the open transaction; a second signal ends at once");
        health.stop();
        stop.set();
        let same_request = tokio::time::sleep(SAME_REQUEST);
        tokio::pin!(same_request);
        loop {
            tokio::select! {
                () = &mut same_request => break,
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

    async fn next(&mut self) -> EndSignal {
        tokio::select! {
            _ = self.terminate.recv() => EndSignal::Terminate,
            _ = self.interrupt.recv() => EndSignal::Interrupt,
        }
    }
}

/// The signals that end the daemon.
#[derive(Clone, Copy)]
enum EndSignal {
    Terminate,
    Interrupt,
}

impl EndSignal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// The code by which a shell reports a process that this signal killed.
    fn exit_code(self) -> i32 {
        match self {
            Self::Terminate => 128 + 15,
            Self::Interrupt => 128 + 2,
        }
    }
}
