//! A receiver: a socket that records requests, and answers them as the test says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How a receiver answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A status, headers in lines, and a body.
    Is(u16, &'static str, &'static str),
    /// Never, although the connection stays.
    Hang,
    /// Closes the connection with an error.
    Reset,
    /// 200 and a body of one gigabyte.
    Gigabyte,
    /// 200 after this time.
    Late(Duration),
    /// The head of the answer, one byte at a time.
    Drip,
    /// 200, and a long body one byte at a time.
    DripBody,
}

pub(crate) const OK: Answer = Answer::Is(200, "", "fine");

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The time of its arrival.
    pub(crate) at: waygate::Timestamp,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn subject(&self) -> String {
        self.json()["data"]["subject"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Debug)]
struct State {
    /// The next answers; the last one stays.
    answers: VecDeque<Answer>,
    got: Vec<Got>,
    running: usize,
    most_running: usize,
    sent: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
    count: Arc<watch::Sender<usize>>,
}

impl Receiver {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::new(Mutex::new(State {
                answers: answers.into_iter().collect(),
                got: Vec::new(),
                running: 0,
                most_running: 0,
                sent: 0,
            })),
            count: Arc::new(watch::Sender::new(0)),
        };
        let this = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move {
                    let _ = this.serve(stream).await;
                });
            }
        });
        receiver
    }

    /// One of another process.
    #[cfg(feature = "redis-server")]
    pub(crate) fn at(port: u16) -> Self {
        Self {
            port,
            state: Arc::new(Mutex::new(State {
                answers: VecDeque::new(),
                got: Vec::new(),
                running: 0,
                most_running: 0,
                sent: 0,
            })),
            count: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap().got.clone()
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        self.got().iter().map(Got::subject).collect()
    }

    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().answers = answers.into_iter().collect();
    }

    /// The bytes of large bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.state.lock().unwrap().sent
    }

    pub(crate) fn most_running(&self) -> usize {
        self.state.lock().unwrap().most_running
    }

    /// Waits for this many requests in all.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Got> {
        let mut counts = self.count.subscribe();
        let all = counts.wait_for(|now| *now >= count);
        let all = tokio::time::timeout(Duration::from_secs(60), all).await;
        assert!(
            all.is_ok(),
            "{} of {count} requests came: {:?}",
            self.got().len(),
            self.subjects()
        );
        self.got()
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let Some((got, rest)) = read(&mut stream, buffer).await? else {
                return Ok(());
            };
            buffer = rest;
            let answer = {
                let mut state = self.state.lock().unwrap();
                state.got.push(got);
                state.running += 1;
                state.most_running = state.most_running.max(state.running);
                match state.answers.len() {
                    0 => OK,
                    1 => state.answers[0].clone(),
                    _ => state.answers.pop_front().unwrap(),
                }
            };
            self.count.send_modify(|count| *count += 1);
            let ended = self.respond(&mut stream, answer).await;
            self.state.lock().unwrap().running -= 1;
            ended?;
        }
    }

    async fn respond(&self, stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
        let whole = |status: u16, headers: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        };
        match answer {
            Answer::Is(status, headers, body) => {
                stream
                    .write_all(whole(status, headers, body).as_bytes())
                    .await
            }
            Answer::Late(wait) => {
                tokio::time::sleep(wait).await;
                stream.write_all(whole(200, "", "").as_bytes()).await
            }
            Answer::Hang => std::future::pending().await,
            Answer::Reset => {
                socket_reset(stream);
                Err(std::io::ErrorKind::ConnectionReset.into())
            }
            Answer::Gigabyte => {
                stream
                    .write_all(b"HTTP/1.1 200 x\r\ncontent-length: 1073741824\r\n\r\n")
                    .await?;
                for _ in 0..16_384 {
                    stream.write_all(&[b'x'; 65_536]).await?;
                    self.state.lock().unwrap().sent += 65_536;
                }
                Ok(())
            }
            Answer::DripBody => {
                stream
                    .write_all(b"HTTP/1.1 200 x\r\ncontent-length: 4096\r\n\r\n")
                    .await?;
                loop {
                    stream.write_all(b"x").await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Answer::Drip => {
                for byte in whole(200, "x-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "").bytes() {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(1_000)).await;
                }
                Ok(())
            }
        }
    }
}

/// Makes the close an RST.
fn socket_reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn read(
    stream: &mut TcpStream,
    mut buffer: Vec<u8>,
) -> std::io::Result<Option<(Got, Vec<u8>)>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    while buffer.len() < end + length {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    }
    let rest = buffer.split_off(end + length);
    let body = buffer.split_off(end);
    let at = waygate::Timestamp::now();
    Ok(Some((Got { headers, body, at }, rest)))
}
