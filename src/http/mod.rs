//! `/metrics`, `/livez`, `/readyz`. Reads shared numbers and states; never touches Kafka, never decides.

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

pub use health::{Health, WorkerState};

/// The listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} for HTTP: {source}; set http.listen to a free address")]
pub struct BindError {
    /// The address asked for.
    pub listen: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Opens the listener, so that a wrong address is known before anything else begins.
///
/// # Errors
/// The address is taken or is none of this machine.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(listen).await.map_err(|source| BindError { listen, source })
}

/// Serves until `shutdown` turns true or its sender is gone; requests under way are answered first.
///
/// # Errors
/// Those of accepting connections.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    let stopped = async move {
        // A sender that is gone means that the process ends.
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
