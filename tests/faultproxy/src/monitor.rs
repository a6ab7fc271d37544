use std::{
    net::Shutdown,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use crate::{Reply, resp::Connection};

/// Collects every command that a server executes, including those inside scripts, until it is stopped.
#[derive(Debug)]
pub struct Monitor {
    seen: Arc<Mutex<Vec<String>>>,
    stream: std::net::TcpStream,
    reader: Option<JoinHandle<()>>,
}

impl Monitor {
    pub(crate) fn start(mut connection: Connection) -> Self {
        let started = connection.ask(&["MONITOR"]).expect("MONITOR");
        assert_eq!(started, Reply::Text("OK".to_owned()));
        let stream = connection.stream().try_clone().expect("a second handle");
        stream.set_read_timeout(None).expect("no read timeout");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let seen = seen.clone();
            move || {
                while let Ok(reply) = connection.read() {
                    let line = reply.to_string();
                    seen.lock().expect("no panic under the lock").push(line);
                }
            }
        });
        Self {
            seen,
            stream,
            reader: Some(reader),
        }
    }

    /// Returns the lines so far, such as `1700000000.000000 [0 127.0.0.1:50000] "PING"`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic under the lock").clone()
    }

    /// Ends the collection.
    pub fn stop(mut self) -> Vec<String> {
        self.end();
        self.seen()
    }

    fn end(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end();
    }
}
