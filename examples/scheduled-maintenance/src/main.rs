//! Maintenance windows: declared in code, or planned at run time, for one route and for all, with a log of their
//! start and end.
//!
//! ```text
//! cargo run -p scheduled-maintenance
//! curl -i http://127.0.0.1:3000/ledger      # open, closed for ten seconds, open, then closed with everything
//! curl -i http://[::1]:3000/ledger          # the network of the team: served while everything is closed
//! ```

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Timestamp, Waygate,
    model::{GlobalMaintenance, Interval},
    prelude::*,
};

/// Show the ledger
///
/// A window in code is visible at the handler; the route is open until it starts.
#[maintenance(
    reason = "yearly closing",
    start = "2031-01-01T00:00:00Z",
    end = "2031-01-01T06:00:00Z"
)]
#[utoipa::path(get, path = "/ledger", responses((status = OK, body = str)))]
async fn ledger() -> &'static str {
    "ledger"
}

async fn app(waygate: &Waygate) -> Result<Router, waygate::BindErrors> {
    let api = OpenApiRouter::new().routes(routes!(ledger));
    Ok(waygate.guard(api).await?.docs("/docs").into_router())
}

/// Plans global maintenance. The public gets 503 with `Retry-After`; the team, by its network or its role (see
/// `waygate::client::Roles`), is served, and its responses are not cached.
async fn plan_upgrade(
    waygate: &Waygate,
    window: Interval,
    network: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let upgrade = GlobalMaintenance::new("database upgrade".parse()?)
        .start(window.start())
        .end(window.end())
        .exempt_ips(vec![network.parse()?])
        .exempt_roles(vec!["ops".parse()?]);
    waygate.system().enable_global_maintenance(upgrade).await?;
    Ok(())
}

/// Prints every change as it happens.
async fn watch(waygate: Waygate) {
    let mut events = waygate.subscribe();
    drop(waygate);
    while let Some(event) = events.next().await {
        let (Some(changed), Some(line)) = (event.changed(), event.audit()) else {
            continue;
        };
        let (at, actor) = (line.timestamp, &line.actor);
        if let Some(route) = changed.route() {
            println!("{at} {} is {} ({actor})", route.key, route.view.status);
        } else if let Some(maintenance) = changed.maintenance() {
            let is_on = maintenance.enabled;
            println!("{at} maintenance of {}: {is_on} ({actor})", changed.key);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let waygate = Waygate::builder().environment("production").build().await?;
    let app = app(&waygate).await?;
    tokio::spawn(watch(waygate.clone()));

    // A second window, planned at run time: it starts in five seconds and lasts ten.
    let start = Timestamp::now() + Duration::from_secs(5);
    let window = Interval::new(start, start + Duration::from_secs(10))?;
    waygate
        .system()
        .schedule("GET:/ledger", window, "short check")
        .await?;

    // Global maintenance, ten seconds after that, for a minute.
    let start = window.end() + Duration::from_secs(10);
    let window = Interval::new(start, start + Duration::from_secs(60))?;
    plan_upgrade(&waygate, window, "::1/128").await?;

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("[::]:{port}");
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    // Exemptions by network need the peer's address.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}

#[cfg(test)]
mod tests {
    use waygate::testing::{ManualClock, TestApp};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The test sets the time, so nothing waits.
    #[tokio::test]
    async fn the_declared_window_opens_and_closes() {
        let clock = ManualClock::at(at("2030-12-31T23:59:59Z"));
        let waygate = Waygate::builder()
            .clock(clock.clone())
            .build()
            .await
            .unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        assert_eq!(app.get("/ledger").await.status(), 200);
        clock.advance(Duration::from_secs(1));
        let closed = app.get("/ledger").await;
        assert_eq!(closed.status(), 503);
        assert_eq!(closed.header("retry-after"), Some("21600"));
        clock.set_wall(at("2031-01-01T06:00:00Z"));
        assert_eq!(app.get("/ledger").await.status(), 200);
    }

    #[tokio::test]
    async fn all_routes_are_closed_to_the_public_and_open_to_the_team() {
        let clock = ManualClock::at(at("2030-06-01T00:00:00Z"));
        let builder = Waygate::builder().clock(clock.clone());
        let waygate = builder.build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        let window = Interval::parse("2030-06-01T02:00:00Z", "2030-06-01T03:00:00Z").unwrap();
        plan_upgrade(&waygate, window, "192.0.2.0/24")
            .await
            .unwrap();
        let public = app.from_peer(([198, 51, 100, 1], 1));
        let team = app.from_peer(([192, 0, 2, 7], 1));
        assert_eq!(public.get("/ledger").await.status(), 200);
        clock.set_wall(window.start());
        let closed = public.get("/ledger").await;
        assert_eq!(closed.status(), 503);
        assert_eq!(closed.header("retry-after"), Some("3600"));
        let served = team.get("/ledger").await;
        assert_eq!(served.text(), "ledger");
        assert_eq!(served.header("cache-control"), Some("private, no-store"));
        clock.set_wall(window.end());
        assert_eq!(public.get("/ledger").await.status(), 200);
    }

    #[tokio::test]
    async fn ending_maintenance_early_keeps_the_yearly_closing() {
        let clock = ManualClock::at(at("2030-06-01T00:00:00Z"));
        let builder = Waygate::builder().clock(clock.clone());
        let waygate = builder.build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        let window = Interval::parse("2030-06-01T02:00:00Z", "2030-06-01T03:00:00Z").unwrap();
        let system = waygate.system();
        system
            .schedule("GET:/ledger", window, "check")
            .await
            .unwrap();
        clock.set_wall(window.start());
        assert_eq!(app.get("/ledger").await.status(), 503);
        let ended = system.end_maintenance("GET:/ledger", "done").await.unwrap();
        assert_eq!(ended.view.windows.len(), 1);
        assert_eq!(app.get("/ledger").await.status(), 200);
        clock.set_wall(at("2031-01-01T01:00:00Z"));
        assert_eq!(app.get("/ledger").await.status(), 503);
    }

    #[tokio::test]
    async fn a_planned_window_can_be_cancelled() {
        let clock = ManualClock::at(at("2030-06-01T00:00:00Z"));
        let waygate = Waygate::builder()
            .clock(clock.clone())
            .build()
            .await
            .unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        let window = Interval::parse("2030-06-01T02:00:00Z", "2030-06-01T03:00:00Z").unwrap();
        let system = waygate.system();
        system
            .schedule("GET:/ledger", window, "check")
            .await
            .unwrap();
        clock.set_wall(at("2030-06-01T02:30:00Z"));
        assert_eq!(app.get("/ledger").await.status(), 503);
        system
            .cancel_schedule("GET:/ledger", Some(window.into()))
            .await
            .unwrap();
        assert_eq!(app.get("/ledger").await.status(), 200);
    }
}
