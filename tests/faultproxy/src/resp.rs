//! A minimal client of the Redis protocol: one command, one response.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A response of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Null,
    /// A text, simple or bulk.
    Text(String),
    /// A number.
    Number(i64),
    /// A refusal, such as `NOAUTH Authentication required.`
    Error(String),
    /// Several answers.
    List(Vec<Reply>),
}

/// Roughly the format of `redis-cli`: lists line by line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Error(error) => write!(f, "-{error}"),
            Self::List(replies) => {
                for (nth, reply) in replies.iter().enumerate() {
                    let line = if nth == 0 { "" } else { "\n" };
                    write!(f, "{line}{reply}")?;
                }
                Ok(())
            }
        }
    }
}

pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(addr: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(command.as_bytes())?;
        self.read()
    }

    pub(crate) fn read(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| odd(&line))?;
        let number = || rest.parse::<i64>().map_err(|_| odd(&line));
        Ok(match kind {
            "+" => Reply::Text(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(number()?),
            "$" => match usize::try_from(number()?) {
                Ok(length) => {
                    let mut text = vec![0; length + 2];
                    self.0.read_exact(&mut text)?;
                    text.truncate(length);
                    Reply::Text(String::from_utf8_lossy(&text).into_owned())
                }
                Err(_) => Reply::Null,
            },
            "*" => match usize::try_from(number()?) {
                Ok(count) => {
                    Reply::List((0..count).map(|_| self.read()).collect::<Result<_, _>>()?)
                }
                Err(_) => Reply::Null,
            },
            _ => return Err(odd(&line)),
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

fn odd(line: &str) -> io::Error {
    io::Error::other(format!("not an answer of Redis: {line:?}"))
}
