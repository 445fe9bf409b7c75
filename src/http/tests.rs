//! Requests over a real socket. The client blocks, so the server has a thread of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Health, WorkerState, bind, serve};
use crate::config::Config;
use crate::metrics::Metrics;

struct Server {
    address: SocketAddr,
    health: Arc<Health>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

async fn server(workers: usize, stall_max: Duration) -> Server {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let metrics = Metrics::new(&Config::default_config()).expect("names differ");
    let health = Health::new(workers, stall_max);
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, metrics, Arc::clone(&health), stopped));
    Server { address, health, stop, serving }
}

const LONG: Duration = Duration::from_secs(300);

impl Server {
    /// Status, headers and body.
    fn get(&self, path: &str) -> (u16, String, String) {
        self.request("GET", path)
    }

    fn request(&self, method: &str, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head.to_ascii_lowercase(), body.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_served_in_text_format_0_0_4() {
    let server = server(1, LONG).await;
    let (status, head, body) = server.get("/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("\ninsightd_records_total{envelope=\"bare\",outcome=\"counted\"} 0\n"), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_lists_the_paths_and_others_are_refused() {
    let server = server(1, LONG).await;
    let (status, _, body) = server.get("/");
    assert_eq!(status, 200);
    for path in ["/metrics", "/livez", "/readyz"] {
        assert!(body.contains(path), "{body}");
        assert_ne!(server.get(path).0, 404);
    }
    assert_eq!(server.get("/else").0, 404);
    assert_eq!(server.request("POST", "/metrics").0, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_follows_the_workers_and_says_why() {
    let server = server(2, LONG).await;
    let (status, _, body) = server.get("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("worker 0 starting") && body.contains("worker 1 starting"), "{body}");

    server.health.set(0, WorkerState::Assigned { partitions: 3 });
    server.health.set(1, WorkerState::Connecting);
    let (status, _, body) = server.get("/readyz");
    assert_eq!(status, 503);
    assert!(body.starts_with("not ready: ") && body.contains("worker 1 connecting to the broker"), "{body}");

    // A worker without a partition is a spare, and ready.
    server.health.set(1, WorkerState::Assigned { partitions: 0 });
    server.health.polled(1);
    server.health.committed(1);
    let (status, _, body) = server.get("/readyz");
    assert_eq!(status, 200);
    assert!(body.starts_with("ready: worker 0 3 partitions assigned"), "{body}");
    assert!(body.contains("last poll 0.0 s ago, last commit 0.0 s ago"), "{body}");

    server.health.set(0, WorkerState::BrokerAway { error: "connection refused".to_owned() });
    let (status, _, body) = server.get("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("worker 0 broker away (connection refused) since 0 s"), "{body}");
    assert_eq!(server.get("/livez").0, 200, "a broker that is away is no reason for a restart");

    server.health.set(0, WorkerState::Assigned { partitions: 3 });
    server.health.stop();
    let (status, _, body) = server.get("/readyz");
    assert_eq!((status, body.as_str()), (503, "not ready: stopping\n"));
    assert_eq!(server.get("/livez").0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stopped_polling_is_not_alive() {
    let server = server(2, Duration::from_millis(50)).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(server.get("/livez").0, 200, "a worker that has not begun to poll has not stopped");
    server.health.polled(1);
    tokio::time::sleep(Duration::from_millis(80)).await;
    let (status, _, body) = server.get("/livez");
    assert_eq!(status, 503);
    assert!(body.contains("worker 1 has not polled") && body.contains("kafka.max_poll_interval"), "{body}");
    server.health.polled(1);
    assert_eq!(server.get("/livez").0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_stops_the_server_despite_an_open_connection() {
    let server = server(1, LONG).await;
    let mut idle = TcpStream::connect(server.address).expect("it listens");
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut some = [0; 16];
    idle.read_exact(&mut some).expect("answered, and kept open");
    server.stop.send(true).expect("the server listens");
    let ended = tokio::time::timeout(Duration::from_secs(5), server.serving).await;
    ended.expect("it ends").expect("without a panic").expect("without an error");
    assert!(TcpStream::connect(server.address).is_err(), "the port is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_use_is_reported_with_the_key_to_set() {
    let server = server(1, LONG).await;
    let error = bind(server.address).await.expect_err("taken").to_string();
    assert!(error.contains(&server.address.to_string()) && error.contains("http.listen"), "{error}");
}
