//! The directory: the way from an entity's kind and id to whoever owns it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moothall_protocol::Id;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::job::{Command, Job};
use super::leases::Owner;
use super::places::{Place, Places};
use super::{
    Answered, Bus, Entity, Envelope, Leases, LocalBus, LocalLeases, PARTITIONS, Refusal, partition,
    partition_of,
};
use crate::operation::log_fault;
use crate::{Cx, Error, Fault as _, Hall, Kind};

/// Commands that may wait for one partition. Over that, callers are told `unavailable` at once.
pub(super) const MAILBOX: usize = 1_024;
/// How long [`Directory::close`] waits for partitions to finish what is in hand.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// The way to live entities.
#[derive(Debug)]
pub struct Directory {
    leases: Arc<dyn Leases>,
    bus: Arc<dyn Bus>,
    mailboxes: OnceLock<Vec<mpsc::Sender<Box<dyn Job>>>>,
    tasks: parking_lot::Mutex<Vec<JoinHandle<()>>>,
    stopping: tokio::sync::watch::Sender<bool>,
    places: Places,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            leases: Arc::new(LocalLeases),
            bus: Arc::new(LocalBus),
            mailboxes: OnceLock::new(),
            tasks: parking_lot::Mutex::default(),
            stopping: tokio::sync::watch::Sender::new(false),
            places: Places::default(),
        }
    }
}

impl Directory {
    /// Of a node that knows by these leases who owns what, and asks others by this bus.
    pub(crate) fn new(leases: Arc<dyn Leases>, bus: Arc<dyn Bus>) -> Self {
        Self { leases, bus, ..Self::default() }
    }

    /// Starts the partitions.
    pub(crate) fn start(&self, hall: &Hall) {
        let mut mailboxes = Vec::with_capacity(PARTITIONS.into());
        let mut tasks = self.tasks.lock();
        for _ in 0..PARTITIONS {
            let (sender, receiver) = mpsc::channel(MAILBOX);
            tasks.push(hall.spawn(partition::run(hall.downgrade(), receiver, self.stopping.subscribe())));
            mailboxes.push(sender);
        }
        // A second start would be a second hall; the first one's partitions stay.
        let _ = self.mailboxes.set(mailboxes);
    }

    /// Tells an entity something, and brings its reply once that is durable.
    ///
    /// Commands of one caller to one entity are carried out in the order in which this was first polled. An operation that
    /// has to wait for something else first takes a [`Directory::place`] before that. The idempotency claim of `cx` is kept
    /// in the same write as the entity's effects.
    pub async fn call<E: Entity>(
        &self,
        cx: &Cx,
        id: Id<E::Id>,
        command: E::Command,
    ) -> Result<E::Reply, E::Error> {
        self.call_from::<E>(None, cx, id, command).await
    }

    /// The same for an entity that may have ended: nobody answers then.
    pub async fn call_if_there<E: Entity>(
        &self,
        cx: &Cx,
        id: Id<E::Id>,
        command: E::Command,
    ) -> Result<Option<E::Reply>, E::Error> {
        match self.call::<E>(cx, id, command).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The caller's place in the order of what they tell this entity, to be taken before anything is waited for and handed to
    /// [`Directory::call_from`]. What they tell it later waits behind it.
    pub async fn place<E: Entity>(&self, cx: &Cx, id: Id<E::Id>) -> Place<'_> {
        self.places.take((cx.user(), E::KIND, id.uuid())).await
    }

    /// Returns once everything is answered that the caller told this entity from a [`Directory::place`] before: what they read now,
    /// they read after it.
    pub async fn answered<E: Entity>(&self, cx: &Cx, id: Id<E::Id>) {
        self.places.answered((cx.user(), E::KIND, id.uuid())).await;
    }

    /// The same of all entities of this kind, and of those that the caller is [making](Directory::making).
    pub async fn all_answered<E: Entity>(&self, cx: &Cx) {
        self.places.all_answered(cx.user(), E::KIND).await;
    }

    /// What the caller makes has no order yet, but who reads all of this kind waits until this is dropped.
    pub async fn making<E: Entity>(&self, cx: &Cx) -> Place<'_> {
        let mut place = self.places.take((cx.user(), E::KIND, uuid::Uuid::nil())).await;
        place.let_next();
        place
    }

    /// As [`Directory::call`], from a place that is given back as soon as the command waits in its order.
    pub async fn call_from<E: Entity>(
        &self,
        place: Option<Place<'_>>,
        cx: &Cx,
        id: Id<E::Id>,
        command: E::Command,
    ) -> Result<E::Reply, E::Error> {
        let number = partition_of(E::KIND, id.uuid());
        match self.leases.owner(number) {
            Owner::Here { .. } => {
                let (reply, answer) = oneshot::channel();
                let command = Command::<E>::new(cx.asked(), cx.claim().cloned(), id, command, reply);
                self.call_here(place, number, command, answer).await
            }
            Owner::Node(node) => {
                let command = serde_json::to_vec(&command).map_err(Error::internal)?;
                let envelope = Envelope {
                    partition: number,
                    kind: E::KIND.to_owned(),
                    id: id.uuid(),
                    asked: cx.asked(),
                    claim: cx.claim().cloned(),
                    command,
                };
                match self.bus.ask(node, envelope).await? {
                    Ok(reply) => Ok(serde_json::from_slice(&reply).map_err(Error::internal)?),
                    Err(refusal) => Err(refusal.error(cx.hall().registry()).into()),
                }
            }
            Owner::Nobody => Err(Error::Unavailable.into()),
        }
    }

    /// Answers another node that asks for an entity of this one. A bus calls this with the kind that the envelope names.
    pub async fn receive<E: Entity>(&self, hall: &Hall, envelope: Envelope) -> Answered {
        let cx = Cx::server(hall);
        let answered = self.carry_out::<E>(envelope).await;
        let answered = answered.and_then(|reply| Ok(serde_json::to_vec(&reply).map_err(Error::internal)?));
        answered.map_err(|fault| {
            // The cause stays on this node, as it stays on the server of a single one.
            log_fault(&fault, E::KIND, cx.request_id());
            Refusal::of(&fault, cx.request_id())
        })
    }

    async fn carry_out<E: Entity>(&self, envelope: Envelope) -> Result<E::Reply, E::Error> {
        let Envelope { kind, id, asked, claim, command, .. } = envelope;
        let number = partition_of(E::KIND, id);
        // It may have changed its owner while the envelope was under way.
        if kind != E::KIND || !matches!(self.leases.owner(number), Owner::Here { .. }) {
            return Err(Error::Unavailable.into());
        }
        let command = serde_json::from_slice(&command).map_err(Error::internal)?;
        let (reply, answer) = oneshot::channel();
        let command = Command::<E>::new(asked, claim, Id::from_uuid(id), command, reply);
        self.call_here(None, number, command, answer).await
    }

    async fn call_here<E: Entity>(
        &self,
        mut place: Option<Place<'_>>,
        number: u16,
        command: Command<E>,
        answer: oneshot::Receiver<Result<E::Reply, E::Error>>,
    ) -> Result<E::Reply, E::Error> {
        let job = Box::new(command);
        let mailbox = self.mailboxes.get().and_then(|mailboxes| mailboxes.get(usize::from(number)));
        let Some(mailbox) = mailbox else { return Err(Error::Unavailable.into()) };
        if mailbox.try_send(job).is_err() {
            metrics::counter!("partition_refused_total", "kind" => E::KIND).increment(1);
            return Err(Error::Unavailable.into());
        }
        if let Some(place) = &mut place {
            place.let_next();
        }
        // The partition answers every job it took, unless the server stops underneath.
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable.into()))
    }

    /// How many commands wait, over all partitions.
    pub fn waiting(&self) -> usize {
        let mailboxes = self.mailboxes.get().map(Vec::as_slice).unwrap_or_default();
        mailboxes.iter().map(|mailbox| mailbox.max_capacity() - mailbox.capacity()).sum()
    }

    /// Finishes what is in hand, and stops.
    pub(crate) async fn close(&self) {
        self.stopping.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let all = async {
            for task in tasks {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(CLOSE_DEADLINE, all).await.is_err() {
            tracing::warn!("Some partitions did not finish in time");
        }
    }
}
