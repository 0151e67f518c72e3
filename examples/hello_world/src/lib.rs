//! Hello world: a server of one's own protocol on the Moothall library alone, one line of text for each command.
//!
//! ```text
//! ping                              pong
//! register <name> <email> <password>
//! login <name> <password>
//! whois <name>
//! whoami
//! users [beginning of a name]
//! clients
//! quit
//! ```
//!
//! Start at [`serve`]; the commands stand in [`Session::answer`]. Rules (who may do what, how names look, how often passwords may
//! be tried) are the library's: a refusal is one line that begins with `error`.

use std::net::SocketAddr;
use std::time::Duration;

use moothall::accounts::{self, Credential};
use moothall::connections::{self, Stream};
use moothall::protocol::accounts::{ListUsers, SignIn, SignUp};
use moothall::protocol::connections::CountConnected;
use moothall::{Caller, Cx, Fault, Hall, Origin, snapshot};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a command; who sends longer lines is sent away.
const LINE_BYTES_MAX: u64 = 1_024;
/// Silence after which a client is sent away.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// How long a client may take to read an answer.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Serves clients until the listener fails.
pub async fn serve(hall: Hall, listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, address) = listener.accept().await?;
        tokio::spawn(attend(hall.clone(), stream, address));
    }
}

async fn attend(hall: Hall, mut stream: TcpStream, address: SocketAddr) {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read);
    let origin = Origin { address: Some(address.ip()), ..Origin::default() };
    let mut session = Session { cx: Cx::new(&hall, Caller::Nobody, origin), stream: None };
    let mut line = String::new();
    loop {
        line.clear();
        let mut bounded = (&mut lines).take(LINE_BYTES_MAX);
        let read = tokio::time::timeout(IDLE_MAX, bounded.read_line(&mut line)).await;
        let is_whole = matches!(read, Ok(Ok(1..))) && line.ends_with('\n');
        let answer = match is_whole {
            true if line.trim() == "quit" => return,
            true => session.answer(line.trim()).await.unwrap_or_else(|refusal| format!("error {refusal}")),
            false if line.len() as u64 >= LINE_BYTES_MAX => "error a line has at most 1024 bytes".to_owned(),
            // Gone, silent for too long, or not text.
            false => return,
        };
        let answer = answer + "\n";
        let written = write.write_all(answer.as_bytes());
        if !matches!(tokio::time::timeout(WRITE_MAX, written).await, Ok(Ok(()))) || !is_whole {
            return;
        }
    }
}

/// Why a command was refused, in words for people.
type Refusal = String;

fn refusal(fault: impl Fault) -> Refusal {
    format!("{}: {fault}", fault.code())
}

/// One connected client.
struct Session {
    cx: Cx,
    /// Held while signed in: it is what makes the user show as connected. A protocol with events would pass on what comes out of it.
    stream: Option<Stream>,
}

impl Session {
    async fn answer(&mut self, line: &str) -> Result<String, Refusal> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["ping"] => Ok("pong".to_owned()),
            ["register", name, email, password] => self.register(name, email, password).await,
            ["login", name, password] => self.login(name, password).await,
            ["whoami"] => {
                let me = accounts::me(&self.cx, Default::default()).await.map_err(refusal)?;
                Ok(format!("{} {}", me.name, me.id))
            }
            ["whois", name] => {
                let server = Cx::server(self.cx.hall());
                let input = ListUsers { name: Some((*name).to_owned()), ..ListUsers::default() };
                let found = accounts::list_users(&server, input).await.map_err(refusal)?;
                let user =
                    found.items.first().ok_or_else(|| format!("not_found: nobody is called {name}"))?;
                Ok(format!("{} {}", user.name, user.id))
            }
            ["users"] => self.users(None).await,
            ["users", beginning] => self.users(Some((*beginning).to_owned())).await,
            ["clients"] => {
                let server = Cx::server(self.cx.hall());
                let count = connections::count(&server, CountConnected {}).await.map_err(refusal)?;
                Ok(format!("{} players, {} sessions", count.players, count.sessions))
            }
            _ => {
                Err("unknown_command: ping, register, login, whois, whoami, users, clients or quit"
                    .to_owned())
            }
        }
    }

    async fn register(&self, name: &str, email: &str, password: &str) -> Result<String, Refusal> {
        let input = SignUp {
            name: name.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            kind: None,
        };
        let made = accounts::sign_up(&self.cx, input).await.map_err(refusal)?;
        Ok(format!("registered {} {}", made.user.name, made.user.id))
    }

    async fn login(&mut self, name: &str, password: &str) -> Result<String, Refusal> {
        if self.stream.is_some() {
            return Err("signed_in: you are signed in already".to_owned());
        }
        let input =
            SignIn { login: Some(name.to_owned()), password: Some(password.to_owned()), ..SignIn::default() };
        let signed_in = accounts::sign_in(&self.cx, input).await.map_err(refusal)?;
        let (hall, origin) = (self.cx.hall().clone(), self.cx.origin().clone());
        let credential = Credential::Bearer(signed_in.access_token);
        let identity = accounts::authenticate(&hall, &credential, &origin).await.map_err(refusal)?;
        let cx = Cx::new(&hall, Caller::Member(identity), origin);
        self.stream = Some(snapshot::open(&cx, None).await.map_err(refusal)?);
        self.cx = cx;
        Ok(format!("welcome {}", signed_in.user.name))
    }

    async fn users(&self, beginning: Option<String>) -> Result<String, Refusal> {
        let server = Cx::server(self.cx.hall());
        let input = ListUsers { name_prefix: beginning, ..ListUsers::default() };
        let page = accounts::list_users(&server, input).await.map_err(refusal)?;
        let names: Vec<&str> = page.items.iter().map(|user| user.name.as_str()).collect();
        Ok(format!("{} {}", names.len(), names.join(" ")))
    }
}
