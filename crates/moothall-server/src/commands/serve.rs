//! `moothall serve`: opens the hall and its doors, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use moothall::{Hall, Rates, accounts, claim_database};
use moothall_api::{Cors, Doors, Metrics, Options, Proxies, Tls};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::database;
use super::doctor::{self, Verdict};
use crate::config::{Config, without_password};
use crate::{observe, pages};

/// What the database gets at least for what it has in hand when the server stops.
const CLOSE_MIN: Duration = Duration::from_secs(2);

/// How soon a new certificate is seen.
const RELOAD: Duration = Duration::from_secs(60);

/// Serves until SIGTERM or SIGINT, then lets what is in hand finish. A second signal does not wait for that.
pub async fn run(config: &Config) -> Result<()> {
    database::make(&config.hall)?;
    for finding in doctor::before_start(config) {
        if finding.verdict != Verdict::Good {
            tracing::warn!("{}: {}; {}", finding.about, finding.says, finding.advice);
        }
    }
    // Before the hall opens: what is counted before there is a recorder is lost.
    let metrics = metrics(config)?;
    let listener = TcpListener::bind(config.server.listen).await.with_context(|| {
        format!("{} cannot be listened on: set server.listen to a free address", config.server.listen)
    })?;
    let address = listener.local_addr()?;
    let mut settings = config.hall.clone();
    settings.mail.public_url = url(config, address);
    let rates = Rates::scaled(config.server.rate_scale);
    // Before the hall opens: from then on two servers would not see each other's changes.
    let mut claim = claim_database(&settings).await.context("the server could not start")?;
    let hall = Hall::builder(settings).rates(rates).open().await.context("the server could not start")?;
    let tls = tls(config)?;
    let options = Options { tls: tls.clone(), ..options(config, metrics)? };
    let doors = Doors::open(&hall, options).context("the doors could not open")?;
    if let Some(tls) = tls {
        tokio::spawn(keep_fresh(tls, signal(SignalKind::hangup())?));
    }
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    welcome(config, &hall, address).await?;

    let deadline = Duration::from_millis(config.server.shutdown_ms);
    let (told, was_told) = tokio::sync::oneshot::channel::<()>();
    let serving = moothall_api::serve(listener, doors, async { drop(was_told.await) }, deadline);
    let serving = async {
        serving.await;
        close(&hall, deadline).await;
    };
    let twice = async {
        let name = any(&mut signals).await;
        tracing::info!("{name}: stopping; requests in hand have {} s to finish", deadline.as_secs());
        let _ = told.send(());
        any(&mut signals).await
    };
    tokio::select! {
        error = claim.lost() => return Err(error).context("stopped at once"),
        () = serving => println!("Stopped."),
        name = twice => println!("Stopped at once ({name} twice). What was acknowledged is kept."),
    }
    Ok(())
}

/// Closes the hall, for at most so long: a database that does not answer must not keep the process from its end. Nothing
/// that was acknowledged waits for this.
async fn close(hall: &Hall, deadline: Duration) {
    let deadline = deadline.max(CLOSE_MIN);
    if tokio::time::timeout(deadline, hall.close()).await.is_err() {
        let (waiting, seconds) = (hall.store().waiting(), deadline.as_secs());
        tracing::error!(
            waiting,
            "The database did not finish within {seconds} s: what it had in hand, and what waited for it, is abandoned"
        );
    }
}

/// Waits for one of the signals that ask for an end.
async fn any([terminated, interrupted]: &mut [Signal; 2]) -> &'static str {
    tokio::select! {
        _ = terminated.recv() => "SIGTERM",
        _ = interrupted.recv() => "SIGINT",
    }
}

fn metrics(config: &Config) -> Result<Option<Metrics>> {
    let handle = observe::start_metrics()?;
    Ok(config.server.metrics.then(|| Arc::new(move || observe::render(&handle)) as Metrics))
}

fn options(config: &Config, metrics: Option<Metrics>) -> Result<Options> {
    Ok(Options {
        proxies: Proxies::new(&config.server.trusted_proxies).context("server.trusted_proxies is wrong")?,
        cors: Cors::new(config.server.cors_origins.clone()),
        connections_per_network_max: config.server.connections_per_network_max,
        metrics,
        pages: pages::pages(),
        ..Options::default()
    })
}

fn tls(config: &Config) -> Result<Option<Arc<Tls>>> {
    let Some((certificate, key)) = config.server.tls.both() else { return Ok(None) };
    Ok(Some(Arc::new(Tls::open(certificate, key).context("server.tls is wrong")?)))
}

/// Reads certificate and key again now and then, and whenever it is told to: whoever renews them need not know of this server.
async fn keep_fresh(tls: Arc<Tls>, mut hangup: Signal) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RELOAD) => {}
            _ = hangup.recv() => {}
        }
        let reading = Arc::clone(&tls);
        match tokio::task::spawn_blocking(move || reading.reload()).await {
            Ok(Ok(true)) => tracing::info!("New connections get the new certificate"),
            Ok(Ok(false)) | Err(_) => {}
            Ok(Err(error)) => {
                let error = anyhow::Error::from(error);
                tracing::error!("The certificate from before stays in use: {error:#}");
            }
        }
    }
}

/// How players reach the server, as far as it knows.
fn url(config: &Config, address: SocketAddr) -> String {
    let set = config.server.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
    let scheme = if config.server.tls.both().is_some() { "https" } else { "http" };
    set.unwrap_or_else(|| format!("{scheme}://{address}"))
}

/// Tells the operator where everything is; and, as long as nobody may do everything, how to become the one who may.
async fn welcome(config: &Config, hall: &Hall, address: SocketAddr) -> Result<()> {
    let url = url(config, address);
    println!("Moothall {} is ready.", env!("CARGO_PKG_VERSION"));
    println!("  API        {url}/v1");
    println!("  Socket     {}/v1/socket", url.replacen("http", "ws", 1));
    println!("  Documents  {url}/docs");
    println!("  Health     {url}/health/ready");
    println!("  Data       {}", without_password(&config.hall.store.url));
    if let Some(token) = accounts::bootstrap_token(hall).await? {
        println!("\nThere is no administrator yet. Whoever opens this link first becomes it:");
        println!("  {url}/setup#token={token}\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use moothall::Settings;

    use super::*;

    #[tokio::test]
    async fn a_database_that_hangs_does_not_keep_the_server_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.store.url = format!("sqlite:{}", folder.path().join("hall.db").display());
        let hall = Hall::builder(settings).without_tasks().open().await.unwrap();
        let (go_on, wait) = mpsc::sync_channel::<()>(1);
        let wait = std::sync::Mutex::new(wait);
        let store = hall.store().clone();
        let hanging = tokio::spawn(async move {
            let hang = move |_: &mut moothall_store::Tx<'_>| {
                let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(30));
                Ok::<_, moothall_store::Error>(())
            };
            store.write(hang).await
        });
        tokio::task::yield_now().await;
        let begun = std::time::Instant::now();
        close(&hall, Duration::ZERO).await;
        assert!((CLOSE_MIN..CLOSE_MIN * 10).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        go_on.send(()).unwrap();
        hanging.await.unwrap().unwrap();
        hall.close().await;
    }
}
