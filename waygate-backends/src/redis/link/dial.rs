use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
    Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use rustls::crypto::CryptoProvider;
use std::time::Duration;
use tokio::time::timeout;

use super::super::{
    options::RedisOptions,
    url::{Node, Topology},
};
use crate::random;

/// A connection for commands: cheap to clone, and closed with the last clone.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Single(connection) => connection.send_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// Sends two commands with no others in between. Only the first may be refused.
    pub(super) async fn send_both(&mut self, first: &Cmd, second: &Cmd) -> RedisResult<[Value; 2]> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(first.clone()).add_command(second.clone());
        let answers = match self {
            Self::Single(connection) => connection.send_packed_commands(&both, 0, 2).await,
            Self::Cluster(connection) => connection.req_packed_commands(&both, 0, 2).await,
        };
        let Ok([first, second]) = <[Value; 2]>::try_from(answers?) else {
            return Err((ErrorKind::UnexpectedReturnType, "two answers were due").into());
        };
        Ok([first.extract_error()?, second])
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

/// Returns the timeout of one attempt to connect. Of several nodes, some may hang before another one responds.
pub(super) fn patience(options: &RedisOptions) -> Duration {
    match options.target.topology {
        Topology::Single(_) | Topology::Socket(_) => options.connect_timeout,
        Topology::Sentinel { .. } | Topology::Cluster(_) => options.connect_timeout * 3,
    }
}

/// Returns the timeout of one node of several.
fn node_patience(options: &RedisOptions) -> Duration {
    options.connect_timeout / 3
}

/// Connects once. The caller limits the time.
pub(super) async fn dial(options: &RedisOptions) -> RedisResult<Connection> {
    if let Topology::Cluster(nodes) = &options.target.topology {
        return cluster(options, nodes).await;
    }
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout))
        // Every call has its own deadline.
        .set_response_timeout(None)
        // No call waits for capacity: there are never more calls than this.
        .set_pipeline_buffer_size(options.max_in_flight.max(1));
    let client = client(options).await?;
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    Ok(Connection::Single(connection.await?))
}

/// Opens a connection that only listens.
pub(super) async fn listen(options: &RedisOptions, channel: &str) -> RedisResult<PubSub> {
    let mut listener = client(options).await?.get_async_pubsub().await?;
    listener.subscribe(channel).await?;
    Ok(listener)
}

/// Returns the server, the current master of the sentinels, or, to listen, any node of a cluster.
async fn client(options: &RedisOptions) -> RedisResult<Client> {
    cryptography(options)?;
    let certificates = certificates(options)?;
    let (nodes, service) = match &options.target.topology {
        Topology::Single(node) => {
            return open(info(options, address(options, node))?, certificates);
        }
        Topology::Socket(path) => {
            let address = ConnectionAddr::Unix(path.clone());
            return open(info(options, address)?, certificates);
        }
        Topology::Cluster(nodes) => {
            let mut nodes: Vec<&Node> = nodes.iter().collect();
            random::shuffle(&mut nodes);
            let node = nodes.first().ok_or(RedisError::from((
                ErrorKind::InvalidClientConfig,
                "no node is named",
            )))?;
            return open(info(options, address(options, node))?, certificates);
        }
        Topology::Sentinel { nodes, service } => (nodes, service),
    };
    // In a different order each time, and each with its own timeout: a node that hangs does not delay the others.
    let mut nodes: Vec<&Node> = nodes.iter().collect();
    random::shuffle(&mut nodes);
    let mut failure = RedisError::from((ErrorKind::EmptySentinelList, "no sentinel is named"));
    for node in nodes {
        let asked = master(options, node, service, certificates.clone());
        failure = match timeout(node_patience(options), asked).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(_) => (ErrorKind::Io, "a sentinel takes too long").into(),
        };
    }
    Err(failure)
}

/// Returns the master that one sentinel names.
async fn master(
    options: &RedisOptions,
    sentinel: &Node,
    service: &str,
    certificates: Option<TlsCertificates>,
) -> RedisResult<Client> {
    let sentinel = [address(options, sentinel)];
    let mut builder = SentinelClientBuilder::new(sentinel, service, SentinelServerType::Master)?
        .set_client_to_redis_db(i64::from(options.target.database))
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp());
    if let Some(user) = &options.target.user {
        builder = builder.set_client_to_redis_username(user.expose());
    }
    if let Some(password) = &options.target.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if let Some(password) = &options.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password.expose());
    }
    if options.target.tls {
        builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_sentinel_certificates(certificates.clone())
            .set_client_to_redis_certificates(certificates);
    }
    builder.build()?.async_get_client().await
}

fn open(info: ConnectionInfo, certificates: Option<TlsCertificates>) -> RedisResult<Client> {
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

async fn cluster(options: &RedisOptions, nodes: &[Node]) -> RedisResult<Connection> {
    cryptography(options)?;
    let nodes = nodes
        .iter()
        .map(|node| info(options, address(options, node)));
    let mut builder = ClusterClient::builder(nodes.collect::<RedisResult<Vec<_>>>()?)
        .connection_timeout(node_patience(options))
        // Moved slots are followed within the deadline of the call.
        .retries(2)
        .min_retry_wait(1)
        .max_retry_wait(20)
        .tcp_settings(tcp());
    if let Some(certificates) = certificates(options)? {
        builder = builder.certs(certificates);
    }
    let connection = builder.build()?.get_async_connection().await?;
    Ok(Connection::Cluster(connection))
}

fn info(options: &RedisOptions, address: ConnectionAddr) -> RedisResult<ConnectionInfo> {
    let target = &options.target;
    let mut login = RedisConnectionInfo::default()
        .set_db(i64::from(target.database))
        .set_skip_set_lib_name();
    if let Some(user) = &target.user {
        login = login.set_username(user.expose());
    }
    if let Some(password) = &target.password {
        login = login.set_password(password.expose());
    }
    let info = address.into_connection_info()?;
    Ok(info.set_redis_settings(login).set_tcp_settings(tcp()))
}

fn address(options: &RedisOptions, node: &Node) -> ConnectionAddr {
    match options.target.tls {
        false => ConnectionAddr::Tcp(node.host.clone(), node.port),
        true => ConnectionAddr::TcpTls {
            host: node.host.clone(),
            port: node.port,
            insecure: false,
            tls_params: None,
        },
    }
}

/// The operating system detects a dead peer as well.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(1));
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}

fn certificates(options: &RedisOptions) -> RedisResult<Option<TlsCertificates>> {
    let Some(path) = options.ca_file.as_ref().filter(|_| options.target.tls) else {
        return Ok(None);
    };
    let root_cert = std::fs::read(path).map_err(|error| {
        let detail = format!("`{}`: {error}", path.display());
        RedisError::from((
            ErrorKind::InvalidClientConfig,
            "cannot read the CA file",
            detail,
        ))
    })?;
    Ok(Some(TlsCertificates {
        client_tls: None,
        root_cert: Some(root_cert),
    }))
}

/// The Redis client uses the crypto provider that is installed for the process, which is up to the application. Without
/// one, rustls installs the only provider in the dependency graph for the whole process, or panics if there are two.
fn cryptography(options: &RedisOptions) -> RedisResult<()> {
    if !options.target.tls || CryptoProvider::get_default().is_some() {
        return Ok(());
    }
    #[cfg(feature = "tls-ring")]
    {
        // The application may have installed one in between, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(())
    }
    #[cfg(not(feature = "tls-ring"))]
    Err(RedisError::from((
        ErrorKind::InvalidClientConfig,
        "`rediss` needs cryptography, and none is installed",
        "call `install_default()` of a `rustls::crypto::CryptoProvider` when the application starts, or turn on the \
         feature `tls-ring` of Waygate"
            .to_owned(),
    )))
}
