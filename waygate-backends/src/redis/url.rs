use std::path::PathBuf;

use waygate_core::Secret;

/// The address of Redis, parsed from a URL.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) topology: Topology,
    pub(super) tls: bool,
    /// Also secret: in `redis://password@host`, a common mistake, this is the password.
    pub(super) user: Option<Secret<String>>,
    pub(super) password: Option<Secret<String>>,
    pub(super) database: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Topology {
    Single(Node),
    /// One server, by the absolute path of its Unix socket.
    Socket(PathBuf),
    /// The nodes are sentinels; the service is the name of the master.
    Sentinel {
        nodes: Vec<Node>,
        service: String,
    },
    /// Some nodes of the cluster; the others are discovered.
    Cluster(Vec<Node>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

/// An invalid Redis URL. The message does not repeat the URL, which may contain a password.
///
/// ```
/// use waygate_backends::RedisOptions;
///
/// let error = RedisOptions::new("http://:hunter2@127.0.0.1").unwrap_err();
/// assert!(!error.to_string().contains("hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a Redis: {0}")]
pub struct InvalidRedisUrl(&'static str);

waygate_core::debug_as_message!(InvalidRedisUrl);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Socket,
    Sentinel,
    Cluster,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or(InvalidRedisUrl("it has no scheme, such as `redis://`"))?;
        let (tls, kind) = match scheme {
            "redis" => (false, Kind::Single),
            "rediss" => (true, Kind::Single),
            "redis+unix" | "unix" => (false, Kind::Socket),
            "redis+sentinel" => (false, Kind::Sentinel),
            "rediss+sentinel" => (true, Kind::Sentinel),
            "redis+cluster" => (false, Kind::Cluster),
            "rediss+cluster" => (true, Kind::Cluster),
            _ => {
                return Err(InvalidRedisUrl(
                    "the scheme is `redis` or `rediss`, with `+sentinel` or `+cluster` or without, or `redis+unix`",
                ));
            }
        };
        // Only the path of a socket cannot end in a database number.
        let (rest, parameter) = match rest.split_once('?') {
            Some((rest, parameter)) if kind == Kind::Socket => (rest, parameter),
            _ => (rest, ""),
        };
        if rest.contains(['?', '#']) {
            return Err(InvalidRedisUrl(
                "query parameters are not supported; escape `?` and `#` in a password as `%3F` and `%23`",
            ));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, nodes) = match authority.rsplit_once('@') {
            Some((credentials, nodes)) => (Some(credentials), nodes),
            None => (None, authority),
        };
        let named = |default_port| {
            let nodes = nodes.split(',').map(|node| Node::parse(node, default_port));
            nodes.collect::<Result<Vec<_>, _>>()
        };
        let (topology, database) = match kind {
            Kind::Socket => {
                let path = socket(nodes, path)?;
                (Topology::Socket(path), database_parameter(parameter)?)
            }
            Kind::Single => {
                let [node] = <[Node; 1]>::try_from(named(6_379)?).map_err(|_| {
                    InvalidRedisUrl("several nodes need `redis+sentinel://` or `redis+cluster://`")
                })?;
                (Topology::Single(node), database(path)?)
            }
            Kind::Sentinel => {
                let nodes = named(26_379)?;
                let (service, path) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(InvalidRedisUrl("the name of the service is missing"));
                }
                let service = decoded(service)?;
                (Topology::Sentinel { nodes, service }, database(path)?)
            }
            Kind::Cluster => {
                let nodes = named(6_379)?;
                if database(path)? != 0 {
                    return Err(InvalidRedisUrl("a cluster has only database 0"));
                }
                (Topology::Cluster(nodes), 0)
            }
        };
        let (user, password) =
            match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
                Some((user, password)) => (text(user)?, text(password)?),
                None => (None, None),
            };
        Ok(Self {
            topology,
            tls,
            user: user.map(Secret::new),
            password: password.map(Secret::new),
            database,
        })
    }
}

/// Returns a parsed URL without its credentials.
pub(super) fn without_access(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return String::new();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, nodes)) => format!("{scheme}://***@{nodes}{path}"),
        None => url.to_owned(),
    }
}

impl Node {
    fn parse(text: &str, default_port: u16) -> Result<Self, InvalidRedisUrl> {
        // An IPv6 address is in brackets, since it contains colons.
        let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() {
            return Err(InvalidRedisUrl("the name of a host is missing"));
        }
        let port = match port {
            Some(port) => port
                .parse()
                .map_err(|_| InvalidRedisUrl("a port is no number"))?,
            None => default_port,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

fn database(path: &str) -> Result<u32, InvalidRedisUrl> {
    match path {
        "" => Ok(0),
        number => number
            .parse()
            .map_err(|_| InvalidRedisUrl("the number of the database is no number")),
    }
}

/// Returns the path of a socket, which no host precedes.
fn socket(host: &str, path: &str) -> Result<PathBuf, InvalidRedisUrl> {
    if !host.is_empty() || path.is_empty() {
        return Err(InvalidRedisUrl(
            "the socket has an absolute path, as in `redis+unix:///run/redis.sock`",
        ));
    }
    decoded(path).map(|path| PathBuf::from(format!("/{path}")))
}

/// Returns the database number after the path of a socket.
fn database_parameter(parameter: &str) -> Result<u32, InvalidRedisUrl> {
    match parameter.strip_prefix("db=") {
        Some(number) => database(number),
        None if parameter.is_empty() => Ok(0),
        None => Err(InvalidRedisUrl(
            "a socket takes one parameter, `?db=1`; user and password stand before the path, as in \
             `redis+unix://user:password@/run/redis.sock`",
        )),
    }
}

fn text(encoded: &str) -> Result<Option<String>, InvalidRedisUrl> {
    decoded(encoded).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// Decodes percent-encoding (RFC 3986, 2.1).
fn decoded(text: &str) -> Result<String, InvalidRedisUrl> {
    let invalid = InvalidRedisUrl("a `%` is not followed by the two digits of a byte of UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let digits = tail
            .get(..2)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid.clone())?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| invalid)
}

#[cfg(test)]
mod tests {
    use super::{super::RedisOptions, *};

    fn node(host: &str, port: u16) -> Node {
        Node {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn all_url_parts_are_parsed() {
        let target = Target::parse("rediss://ada:p%40ss%3A%2F@[::1]:7000/3").unwrap();
        assert_eq!(target.topology, Topology::Single(node("::1", 7000)));
        assert_eq!((target.tls, target.database), (true, 3));
        assert_eq!(target.user.unwrap().expose(), "ada");
        assert_eq!(target.password.unwrap().expose(), "p@ss:/");

        let target = Target::parse("redis://:secret@redis").unwrap();
        assert_eq!(target.topology, Topology::Single(node("redis", 6379)));
        assert_eq!((target.tls, target.database), (false, 0));
        assert!(target.user.is_none());
        assert_eq!(target.password.unwrap().expose(), "secret");

        let target = Target::parse("redis+sentinel://a:1,b/main/2").unwrap();
        let nodes = vec![node("a", 1), node("b", 26379)];
        let service = "main".to_owned();
        assert_eq!(target.topology, Topology::Sentinel { nodes, service });
        assert_eq!(target.database, 2);

        let target = Target::parse("redis+cluster://a,b:1").unwrap();
        assert_eq!(
            target.topology,
            Topology::Cluster(vec![node("a", 6379), node("b", 1)])
        );

        for (url, path, database) in [
            ("redis+unix:///run/redis.sock", "/run/redis.sock", 0),
            (
                "unix:///run/redis%20x/a.sock?db=3",
                "/run/redis x/a.sock",
                3,
            ),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.topology, Topology::Socket(path.into()));
            assert_eq!((target.tls, target.database), (false, database));
            assert!(target.user.is_none());
        }
        let target = Target::parse("redis+unix://ada:p%40ss@/run/redis.sock").unwrap();
        assert_eq!(target.topology, Topology::Socket("/run/redis.sock".into()));
        assert_eq!(target.user.unwrap().expose(), "ada");
        assert_eq!(target.password.unwrap().expose(), "p@ss");
    }

    #[test]
    fn errors_do_not_repeat_the_url() {
        for url in [
            "redis.example:6379",
            "http://redis",
            "redis://",
            "redis://a,b",
            "redis://hunter2@:6379",
            "redis://:hunter2@a:port",
            "redis://:hunter2@a/x",
            "redis://:%hunter2@a",
            "redis://:%ff@a",
            "redis://:hunter2@a?protocol=resp3",
            "redis+sentinel://:hunter2@a",
            "redis+cluster://:hunter2@a/1",
            "redis+unix://",
            "redis+unix:///",
            "redis+unix://run/redis.sock",
            "redis+unix://:hunter2@",
            "redis+unix:///run/redis.sock?db=x",
            "redis+unix:///run/redis.sock?password=hunter2",
            "redis+unix:///run/redis.sock?db=1&pass=hunter2",
            "redis+unix:///run/redis.sock#1",
            "rediss+unix:///run/redis.sock",
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        for (url, place) in [
            ("redis://:hunter2@a", "redis://***@a"),
            ("redis://hunter2@a/1", "redis://***@a/1"),
            ("redis://hunter2:x@a", "redis://***@a"),
            ("redis://:x hunter2@a", "redis://***@a"),
            ("redis://:x\"hunter2@a", "redis://***@a"),
            ("redis://:x'hunter2@a", "redis://***@a"),
            ("redis://:x`hunter2@a", "redis://***@a"),
            ("redis://:x@hunter2@a", "redis://***@a"),
            ("redis://:x://hunter2@a", ""),
            (
                "redis+sentinel://:hunter2@a,b/main",
                "redis+sentinel://***@a,b/main",
            ),
            (
                "redis+unix://:hunter2@/run/a@b.sock?db=1",
                "redis+unix://***@/run/a@b.sock?db=1",
            ),
            ("redis+unix:///run/a@b.sock", "redis+unix:///run/a@b.sock"),
        ] {
            let Ok(options) = RedisOptions::new(url) else {
                assert_eq!(place, "", "{url}");
                continue;
            };
            let described = options.describe();
            assert_eq!(described, format!("Redis `{place}`, prefix `waygate`"));
            let shown = format!("{options:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let options = RedisOptions::new("redis://a").unwrap();
        let options = options.user("hunter2").password("hunter2".to_owned());
        let options = options.sentinel_password("hunter2".to_owned());
        let shown = format!("{options:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
