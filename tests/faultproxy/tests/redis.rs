//! Tests of the operations on the server.

use std::time::Duration;

use waygate_faultproxy::{RedisProc, Reply, eventually, free_port};

#[test]
fn it_responds_and_flushes() {
    let server = RedisProc::start();
    assert_eq!(server.command(&["SET", "a", "b c\r\n"]), "OK");
    assert_eq!(server.command(&["GET", "a"]), "b c\r\n");
    assert_eq!(server.command(&["STRLEN", "a"]), "5");
    server.flushall();
    assert_eq!(server.query(&["GET", "a"]).unwrap(), Reply::Null);
    let refused = server.query(&["NONSENSE"]).unwrap();
    assert!(matches!(refused, Reply::Error(error) if error.starts_with("ERR unknown command")));
    assert_eq!(server.info("role").as_deref(), Some("master"));
}

#[test]
fn a_killed_server_restarts_empty_or_with_its_data() {
    for append_only in [false, true] {
        let mut options = RedisProc::options();
        if append_only {
            options = options.append_only();
        }
        let mut server = options.start();
        server.command(&["SET", "a", "1"]);
        server.kill();
        assert!(server.query(&["PING"]).is_err());
        server.restart();
        let kept = server.query(&["GET", "a"]).unwrap() == Reply::Text("1".to_owned());
        assert_eq!(kept, append_only);
    }
}

#[test]
fn a_frozen_server_responds_when_resumed() {
    let server = RedisProc::start();
    server.stop();
    let asked = std::thread::scope(|scope| {
        let answer = scope.spawn(|| server.command(&["PING"]));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!answer.is_finished());
        server.cont();
        answer.join().unwrap()
    });
    assert_eq!(asked, "PONG");
}

#[test]
fn passwords_users_and_memory_are_limited() {
    let mut server = RedisProc::options()
        .password("first")
        .user("ada", "on >secret ~waygate* +get")
        .max_memory("2mb")
        .start();
    server.config_set("requirepass", "second");
    assert_eq!(server.command(&["PING"]), "PONG");
    assert!(server.command(&["ACL", "LIST"]).contains("user ada on"));
    server.config_set("maxmemory", "1");
    let refused = server.query(&["SET", "a", "b"]).unwrap();
    assert!(matches!(refused, Reply::Error(error) if error.starts_with("OOM")));
}

#[test]
fn a_replica_follows_and_is_promoted() {
    let master = RedisProc::start();
    master.command(&["SET", "a", "1"]);
    let replica = RedisProc::options().replica_of(master.addr()).start();
    replica.wait_synced();
    assert_eq!(replica.command(&["GET", "a"]), "1");
    let refused = replica.query(&["SET", "a", "2"]).unwrap();
    assert!(matches!(refused, Reply::Error(error) if error.starts_with("READONLY")));
    replica.promote();
    assert_eq!(replica.command(&["SET", "a", "2"]), "OK");
    replica.replicate(master.addr());
    replica.wait_synced();
    assert_eq!(replica.command(&["GET", "a"]), "1");
}

#[test]
fn a_cluster_of_one_owns_every_slot() {
    let server = RedisProc::options().cluster().start();
    assert_eq!(server.command(&["SET", "a", "1"]), "OK");
    assert_eq!(server.command(&["SET", "b", "1"]), "OK");
}

#[test]
fn tls_is_supported_beside_plain_text() {
    let server = RedisProc::options().tls().start();
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-brief", "-verify_return_error", "-CAfile"])
        .arg(&server.certificate().certificate)
        .args(["-connect", &server.tls_addr().to_string()])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Verification: OK"), "{said}");
    assert_eq!(server.command(&["PING"]), "PONG");
}

#[tokio::test]
async fn a_monitor_sees_commands_of_scripts() {
    let server = RedisProc::start();
    let monitor = server.monitor();
    server.command(&[
        "EVAL",
        "return redis.call('SET', KEYS[1], '1')",
        "1",
        "seen",
    ]);
    let is_seen = || {
        let lines = monitor.seen();
        lines
            .iter()
            .any(|line| line.contains(r#"lua] "SET" "seen" "1""#))
    };
    eventually(Duration::from_secs(5), "the SET is seen", is_seen).await;
    assert!(monitor.stop().len() >= 2);
}

#[test]
fn a_dropped_server_is_gone() {
    let server = RedisProc::options().port(free_port()).start();
    let addr = server.addr();
    drop(server);
    assert!(std::net::TcpStream::connect(addr).is_err());
}
