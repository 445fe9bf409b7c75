//! `/metrics`, `/livez`, `/readyz`. Reads shared numbers and states; never talks to Kafka and decides
//! nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::{CONTENT_TYPE, Metrics};

mod health;
#[cfg(test)]
mod tests;

pub(crate) use health::{Health, WorkerState};

/// The HTTP listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} for HTTP: {source}; set http.listen to a free address")]
pub(crate) struct BindError {
    /// The configured address.
    pub(crate) listen: SocketAddr,
    /// The system's error.
    #[source]
    pub(crate) source: io::Error,
}

/// Opens the listener. Done first, so that a wrong address is reported before anything else starts.
///
/// # Errors
/// The address is in use, or does not belong to this host.
pub(crate) async fn bind(listen: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(listen).await.map_err(|source| BindError { listen, source })
}

/// Serves until `shutdown` becomes true or its sender is dropped; answers requests in progress first.
///
/// # Errors
/// Accepting connections failed.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    let stopped = async move {
        // A dropped sender means that the process ends.
        let _ = shutdown.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router(metrics, health)).with_graceful_shutdown(stopped).await
}

const INDEX: &str = "\
insightd
/metrics  Prometheus text format
/livez    200 while the workers make progress
/readyz   200 while the workers are in the group and reach a broker
";

fn router(metrics: Arc<Metrics>, health: Arc<Health>) -> Router {
    Router::new()
        .route("/", get(INDEX))
        .route("/metrics", get(expose).with_state(metrics))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(health)
}

async fn expose(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode metrics: {error}\n")).into_response(),
    }
}

async fn live(State(health): State<Arc<Health>>) -> Response {
    answer(health.live())
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    answer(health.ready())
}

fn answer(state: Result<String, String>) -> Response {
    match state {
        Ok(reason) => (StatusCode::OK, reason + "\n").into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n").into_response(),
    }
}
