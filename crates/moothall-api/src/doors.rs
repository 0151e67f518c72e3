//! [`Doors`]: a hall, and all that is made ready once for the requests to come.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use moothall::{Hall, Rate};
use moothall_protocol::connections::Authenticate;
use moothall_protocol::limits;
use tokio::sync::watch;

use crate::admission::Admission;
use crate::dispatch::Ready;
use crate::documents::{Document, documents};
use crate::input::Check;
use crate::pages::Page;
use crate::rest::cors::Cors;
use crate::rest::fields::Shape;
use crate::rest::origin::Proxies;
use crate::rest::routes::Routes;
use crate::schemas::{Schemas, input_of};
use crate::serve::{Stage, Timeouts, Tls};
use crate::socket::{AUTHENTICATE, Counted, Patience};

/// The doors of a hall. Cheap to clone; all clones are the same doors.
#[derive(Clone)]
pub struct Doors(Arc<Inner>);

struct Inner {
    hall: Hall,
    options: Options,
    authenticate: Check,
    ready: HashMap<&'static str, Ready>,
    shapes: HashMap<&'static str, Shape>,
    routes: Routes,
    /// Written when somebody first asks for one.
    documents: OnceLock<Vec<Document>>,
    stage: watch::Sender<Stage>,
    admission: Admission,
    sign_ins: Admission,
    refreshes: Admission,
    counted: Counted,
}

/// Renders the metrics of this process, in the text format of Prometheus.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What an operator or an embedding program decides about the doors.
pub struct Options {
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// How long the client of a socket may take.
    pub patience: Patience,
    /// HTTP connections and sockets open at once.
    pub connections_max: u32,
    /// Those of one network; trusted proxies have no such bound. Times the scale of the rates.
    pub connections_per_network_max: u32,
    /// Whose word on where a request comes from is believed.
    pub proxies: Proxies,
    /// Which pages of other origins may call from a browser.
    pub cors: Cors,
    /// What `GET /metrics` answers; without it, there is no such address.
    pub metrics: Option<Metrics>,
    /// Pages beside those of the API.
    pub pages: Vec<Page>,
    /// What connections are encrypted with; without it they are not.
    pub tls: Option<Arc<Tls>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            patience: Patience::default(),
            connections_max: limits::CONNECTIONS_MAX as u32,
            connections_per_network_max: limits::CONNECTIONS_PER_NETWORK_MAX as u32,
            proxies: Proxies::default(),
            cors: Cors::default(),
            metrics: None,
            pages: Vec::new(),
            tls: None,
        }
    }
}

/// Why doors cannot be made for a hall.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema of an operation's input is of no use.
    #[error("the input of {operation} cannot be checked: {message}")]
    Schema {
        /// Which operation.
        operation: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl Doors {
    /// The doors of this hall, with the check of every operation's input made ready.
    ///
    /// Install a recorder of the `metrics` crate before, or what is counted of the operations goes nowhere.
    pub fn open(hall: &Hall, options: Options) -> Result<Self, OpenError> {
        let registry = hall.registry();
        let schemas = Schemas::new(registry, &[]);
        let (mut ready, mut shapes) = (HashMap::new(), HashMap::new());
        for operation in registry.operations() {
            let check = Check::new(&schemas, operation.name)
                .map_err(|message| OpenError::Schema { operation: operation.name, message })?;
            ready.insert(operation.name, Ready::new(operation, check));
            shapes.insert(operation.name, Shape::new(&schemas, operation));
        }
        let authenticate = Check::of(input_of::<Authenticate>())
            .map_err(|message| OpenError::Schema { operation: AUTHENTICATE, message })?;
        Ok(Self(Arc::new(Inner {
            hall: hall.clone(),
            options,
            ready,
            authenticate,
            shapes,
            routes: Routes::new(registry),
            documents: OnceLock::new(),
            stage: watch::Sender::new(Stage::Open),
            admission: Admission::new("socket", limits::ADMISSIONS_AT_ONCE),
            sign_ins: Admission::new("sign_in", limits::ADMISSIONS_AT_ONCE),
            refreshes: Admission::new("refresh", limits::ADMISSIONS_AT_ONCE),
            counted: Counted::new(),
        })))
    }

    /// The hall behind the doors.
    pub fn hall(&self) -> &Hall {
        &self.0.hall
    }

    /// What was decided about these doors.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// How far the doors are from being shut; a socket watches this to say goodbye.
    pub fn stage(&self) -> watch::Receiver<Stage> {
        self.0.stage.subscribe()
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.0.stage.send_replace(stage);
    }

    /// What lets sockets in.
    pub(crate) fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// What lets in the calls of this class, if they come in crowds. New tokens do not wait behind passwords, which take long.
    pub(crate) fn admission_of(&self, rate: Rate) -> Option<&Admission> {
        match rate {
            Rate::SignIn => Some(&self.0.sign_ins),
            Rate::Refresh => Some(&self.0.refreshes),
            _ => None,
        }
    }

    /// What is counted of all sockets.
    pub(crate) fn counted(&self) -> &Counted {
        &self.0.counted
    }

    pub(crate) fn ready(&self, operation: &str) -> Option<&Ready> {
        self.0.ready.get(operation)
    }

    /// The check of the one operation that belongs to the socket.
    pub(crate) fn authenticate(&self) -> &Check {
        &self.0.authenticate
    }

    pub(crate) fn shape(&self, operation: &str) -> Option<&Shape> {
        self.0.shapes.get(operation)
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.0.routes
    }

    /// The documents, as they are served below `/v1/`, in the order of [`FILES`](crate::documents::FILES).
    pub(crate) fn documents(&self) -> &[Document] {
        self.0.documents.get_or_init(|| {
            let documents = documents(self.hall().registry());
            documents.into_iter().map(|(_, text)| Document::new(text)).collect()
        })
    }
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").field("stage", &*self.0.stage.borrow()).finish_non_exhaustive()
    }
}
