import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.Stat;

/** Curator's recipes against a running server: CuratorRecipes HOST:PORT. Exit code 0 if all hold. */
public final class CuratorRecipes {
  private static final long DEADLINE_S = 30;
  private static final int CONTENDERS = 5;

  private final String address;
  private final CuratorFramework client;
  private final List<CuratorFramework> clients = new ArrayList<>();

  private CuratorRecipes(String address) throws Exception {
    this.address = address;
    this.client = newClient();
  }

  public static void main(String[] arguments) throws Exception {
    CuratorRecipes recipes = new CuratorRecipes(arguments[0]);
    int failures = recipes.run();
    for (CuratorFramework each : recipes.clients) {
      each.close();
    }
    System.exit(failures == 0 ? 0 : 1);
  }

  private interface Recipe {
    void check(String root) throws Exception;
  }

  private int run() {
    int failures = 0;
    failures += check("mutexExcludesAndIsReentrant", this::mutexExcludesAndIsReentrant);
    failures += check("readWriteLockLetsReadersShare", this::readWriteLockLetsReadersShare);
    failures += check("semaphoreGivesNoMoreLeasesThanItHas", this::semaphore);
    failures += check("leaderLatchPassesLeadershipOn", this::leaderLatch);
    failures += check("leaderSelectorLetsEachLeadOnce", this::leaderSelector);
    failures += check("nodeCacheFollowsOneNode", this::nodeCache);
    failures += check("pathChildrenCacheFollowsChildren", this::pathChildrenCache);
    failures += check("treeCacheFollowsATree", this::treeCache);
    failures += check("curatorCacheFollowsATree", this::curatorCache);
    failures += check("persistentWatcherSeesEveryChange", this::persistentWatcher);
    failures += check("transactionsAreAllOrNothing", this::transactions);
    failures += check("countersAgree", this::counters);
    failures += check("barriersHoldAndOpen", this::barriers);
    failures += check("groupMembersSeeEachOther", this::group);
    failures += check("nodesOfEveryKindAreMade", this::nodeKinds);
    failures += check("persistentNodeComesBack", this::persistentNode);
    failures += check("aclsProtect", this::acls);
    return failures;
  }

  private int check(String name, Recipe recipe) {
    String root = "/" + name;
    try {
      client.create().forPath(root);
      recipe.check(root);
      System.out.println("ok     " + name);
      return 0;
    } catch (Throwable failure) {
      System.out.println("FAILED " + name);
      failure.printStackTrace(System.out);
      return 1;
    }
  }

  private CuratorFramework newClient() throws InterruptedException {
    CuratorFramework made = CuratorFrameworkFactory.builder()
        .connectString(address).retryPolicy(new RetryOneTime(100))
        .sessionTimeoutMs(20000).connectionTimeoutMs(15000).build();
    made.start();
    clients.add(made);
    require(made.blockUntilConnected((int) DEADLINE_S, TimeUnit.SECONDS), "connects");
    return made;
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }

  private static void requireEqual(Object expected, Object actual) {
    require(expected.equals(actual), "expected " + expected + ", not " + actual);
  }

  /** Waits for `condition`, looking again every few milliseconds. */
  private static void eventually(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_S);
    while (!condition.call()) {
      require(System.nanoTime() < end, "not in time: " + what);
      Thread.sleep(5);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Runs `body` in CONTENDERS threads, each with a client of its own. */
  private void contend(ContenderBody body) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(CONTENDERS);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < CONTENDERS; ++i) {
        CuratorFramework own = newClient();
        running.add(threads.submit(() -> {
          body.run(own);
          return null;
        }));
      }
      for (Future<?> each : running) {
        each.get(2 * DEADLINE_S, TimeUnit.SECONDS);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private interface ContenderBody {
    void run(CuratorFramework own) throws Exception;
  }

  private void mutexExcludesAndIsReentrant(String root) throws Exception {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger entered = new AtomicInteger();
    contend(own -> {
      InterProcessMutex mutex = new InterProcessMutex(own, root + "/mutex");
      for (int i = 0; i < 10; ++i) {
        require(mutex.acquire(DEADLINE_S, TimeUnit.SECONDS), "the mutex is got");
        mutex.acquire();
        requireEqual(1, inside.incrementAndGet());
        entered.incrementAndGet();
        inside.decrementAndGet();
        mutex.release();
        mutex.release();
      }
    });
    requireEqual(10 * CONTENDERS, entered.get());
    InterProcessMutex held = new InterProcessMutex(client, root + "/mutex");
    held.acquire();
    InterProcessMutex refused = new InterProcessMutex(newClient(), root + "/mutex");
    require(!refused.acquire(100, TimeUnit.MILLISECONDS), "a held mutex is not given");
    requireEqual(1, held.getParticipantNodes().size());
    held.release();
  }

  private void readWriteLockLetsReadersShare(String root) throws Exception {
    InterProcessReadWriteLock first = new InterProcessReadWriteLock(client, root + "/lock");
    InterProcessReadWriteLock second = new InterProcessReadWriteLock(newClient(), root + "/lock");
    require(first.readLock().acquire(DEADLINE_S, TimeUnit.SECONDS), "one reads");
    require(second.readLock().acquire(DEADLINE_S, TimeUnit.SECONDS), "two read");
    second.readLock().release();
    require(!second.writeLock().acquire(100, TimeUnit.MILLISECONDS), "nobody writes");
    first.readLock().release();
    require(second.writeLock().acquire(DEADLINE_S, TimeUnit.SECONDS), "one writes");
    require(!first.readLock().acquire(100, TimeUnit.MILLISECONDS), "nobody reads");
    second.writeLock().release();
  }

  private void semaphore(String root) throws Exception {
    InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, root + "/leases", 2);
    Collection<Lease> leases = semaphore.acquire(2, DEADLINE_S, TimeUnit.SECONDS);
    requireEqual(2, leases.size());
    require(semaphore.acquire(100, TimeUnit.MILLISECONDS) == null, "there is no third lease");
    semaphore.returnAll(leases);
    Lease again = semaphore.acquire(DEADLINE_S, TimeUnit.SECONDS);
    require(again != null, "a returned lease is given again");
    semaphore.returnLease(again);
  }

  private void leaderLatch(String root) throws Exception {
    List<LeaderLatch> latches = new ArrayList<>();
    for (int i = 0; i < CONTENDERS; ++i) {
      latches.add(new LeaderLatch(newClient(), root + "/latch", "contender " + i));
      latches.get(i).start();
    }
    while (!latches.isEmpty()) {
      eventually("somebody leads",
          () -> latches.stream().filter(LeaderLatch::hasLeadership).count() == 1);
      LeaderLatch leader =
          latches.stream().filter(LeaderLatch::hasLeadership).findFirst().orElseThrow();
      eventually("all know who leads", () -> {
        for (LeaderLatch each : latches) {
          if (!each.getLeader().getId().equals(leader.getId())) {
            return false;
          }
        }
        return true;
      });
      leader.close();
      latches.remove(leader);
    }
  }

  private void leaderSelector(String root) throws Exception {
    AtomicInteger leading = new AtomicInteger();
    BlockingQueue<String> led = new LinkedBlockingQueue<>();
    List<LeaderSelector> selectors = new ArrayList<>();
    for (int i = 0; i < CONTENDERS; ++i) {
      LeaderSelector selector = new LeaderSelector(newClient(), root + "/selector",
          new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework own) {
              led.add(leading.incrementAndGet() == 1 ? "alone" : "together");
              leading.decrementAndGet();
            }
          });
      selectors.add(selector);
      selector.start();
    }
    for (int i = 0; i < CONTENDERS; ++i) {
      requireEqual("alone", led.poll(DEADLINE_S, TimeUnit.SECONDS));
    }
    selectors.forEach(LeaderSelector::close);
  }

  @SuppressWarnings("deprecation")
  private void nodeCache(String root) throws Exception {
    try (NodeCache cache = new NodeCache(client, root + "/n")) {
      cache.start(true);
      require(cache.getCurrentData() == null, "there is nothing yet");
      client.create().forPath(root + "/n", bytes("one"));
      eventually("created", () -> cache.getCurrentData() != null);
      client.setData().forPath(root + "/n", bytes("two"));
      eventually("changed", () -> "two".equals(text(cache.getCurrentData().getData())));
      client.delete().forPath(root + "/n");
      eventually("deleted", () -> cache.getCurrentData() == null);
    }
  }

  @SuppressWarnings("deprecation")
  private void pathChildrenCache(String root) throws Exception {
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    client.create().forPath(root + "/old");
    try (PathChildrenCache cache = new PathChildrenCache(client, root, true)) {
      cache.getListenable().addListener((own, event) -> {
        if (event.getData() != null) {
          events.add(event.getType() + " " + event.getData().getPath());
        }
      });
      cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
      requireEqual(1, cache.getCurrentData().size());
      CuratorFramework other = newClient();
      other.create().forPath(root + "/new", bytes("v"));
      requireEqual("CHILD_ADDED " + root + "/new", events.poll(DEADLINE_S, TimeUnit.SECONDS));
      other.setData().forPath(root + "/new", bytes("w"));
      requireEqual("CHILD_UPDATED " + root + "/new", events.poll(DEADLINE_S, TimeUnit.SECONDS));
      other.delete().forPath(root + "/old");
      requireEqual("CHILD_REMOVED " + root + "/old", events.poll(DEADLINE_S, TimeUnit.SECONDS));
    }
  }

  @SuppressWarnings("deprecation")
  private void treeCache(String root) throws Exception {
    try (TreeCache cache = TreeCache.newBuilder(client, root).build()) {
      cache.start();
      client.create().creatingParentsIfNeeded().forPath(root + "/a/b/c", bytes("deep"));
      eventually("created", () -> cache.getCurrentData(root + "/a/b/c") != null);
      requireEqual("deep", text(cache.getCurrentData(root + "/a/b/c").getData()));
      client.delete().deletingChildrenIfNeeded().forPath(root + "/a");
      eventually("deleted", () -> cache.getCurrentChildren(root).isEmpty());
    }
  }

  private void curatorCache(String root) throws Exception {
    Set<String> events = new ConcurrentSkipListSet<>();
    try (CuratorCache cache = CuratorCache.build(client, root)) {
      cache.listenable().addListener(CuratorCacheListener.builder()
          .forCreates(node -> events.add("created " + node.getPath()))
          .forChanges((before, after) -> events.add("changed " + after.getPath()))
          .forDeletes(node -> events.add("deleted " + node.getPath())).build());
      CountDownLatch initialized = new CountDownLatch(1);
      cache.listenable().addListener(
          CuratorCacheListener.builder().forInitialized(initialized::countDown).build());
      cache.start();
      require(initialized.await(DEADLINE_S, TimeUnit.SECONDS), "initialized");
      client.create().creatingParentsIfNeeded().forPath(root + "/a/b", bytes("1"));
      eventually("created", () -> events.contains("created " + root + "/a/b"));
      client.setData().forPath(root + "/a/b", bytes("2"));
      eventually("changed", () -> events.contains("changed " + root + "/a/b"));
      eventually("kept", () -> "2".equals(text(cache.get(root + "/a/b").get().getData())));
      client.delete().deletingChildrenIfNeeded().forPath(root + "/a");
      eventually("deleted", () -> events.contains("deleted " + root + "/a"));
      requireEqual(1L, cache.stream().count());
    }
  }

  private void persistentWatcher(String root) throws Exception {
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    try (PersistentWatcher watcher = new PersistentWatcher(client, root, true)) {
      watcher.getListenable().addListener((WatchedEvent event) -> {
        if (event.getType() != EventType.None) {
          events.add(event.getType() + " " + event.getPath());
        }
      });
      CountDownLatch set = new CountDownLatch(1);
      watcher.getResetListenable().addListener(set::countDown);
      watcher.start();
      require(set.await(DEADLINE_S, TimeUnit.SECONDS), "the watch is set");
      CuratorFramework other = newClient();
      List<String> expected = new ArrayList<>();
      for (int i = 0; i < 20; ++i) {
        String path = root + "/n" + i;
        other.create().forPath(path);
        other.setData().forPath(path, bytes("v"));
        other.delete().forPath(path);
        expected.addAll(Arrays.asList(
            "NodeCreated " + path, "NodeDataChanged " + path, "NodeDeleted " + path));
      }
      for (String each : expected) {
        requireEqual(each, events.poll(DEADLINE_S, TimeUnit.SECONDS));
      }
    }
  }

  private void transactions(String root) throws Exception {
    List<CuratorTransactionResult> results = client.transaction().forOperations(
        client.transactionOp().create().forPath(root + "/a", bytes("1")),
        client.transactionOp().check().withVersion(0).forPath(root + "/a"),
        client.transactionOp().setData().withVersion(0).forPath(root + "/a", bytes("2")),
        client.transactionOp().create().withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
            .forPath(root + "/s-"));
    requireEqual(4, results.size());
    requireEqual(root + "/s-0000000001", results.get(3).getResultPath());
    requireEqual(1, results.get(2).getResultStat().getVersion());
    try {
      client.transaction().forOperations(
          client.transactionOp().delete().forPath(root + "/a"),
          client.transactionOp().create().forPath(root + "/none/child"));
      throw new AssertionError("a transaction with a failing operation fails");
    } catch (KeeperException.NoNodeException expected) {
      requireEqual(2, expected.getResults().size());
    }
    requireEqual("2", text(client.getData().forPath(root + "/a")));
  }

  private void counters(String root) throws Exception {
    contend(own -> {
      DistributedAtomicLong counter =
          new DistributedAtomicLong(own, root + "/atomic", new RetryOneTime(1));
      for (int added = 0; added < 10;) {
        if (counter.increment().succeeded()) {
          ++added;
        }
      }
    });
    DistributedAtomicLong counter =
        new DistributedAtomicLong(client, root + "/atomic", new RetryOneTime(1));
    requireEqual(10L * CONTENDERS, counter.get().postValue());
    try (SharedCount here = new SharedCount(client, root + "/shared", 0);
         SharedCount there = new SharedCount(newClient(), root + "/shared", 0)) {
      here.start();
      there.start();
      here.setCount(7);
      eventually("the other sees the count", () -> there.getCount() == 7);
    }
  }

  private void barriers(String root) throws Exception {
    DistributedBarrier barrier = new DistributedBarrier(client, root + "/barrier");
    barrier.setBarrier();
    require(!barrier.waitOnBarrier(50, TimeUnit.MILLISECONDS), "a set barrier holds");
    AtomicInteger passed = new AtomicInteger();
    contend(own -> {
      DistributedDoubleBarrier both =
          new DistributedDoubleBarrier(own, root + "/double", CONTENDERS);
      require(both.enter(DEADLINE_S, TimeUnit.SECONDS), "all enter");
      passed.incrementAndGet();
      require(both.leave(DEADLINE_S, TimeUnit.SECONDS), "all leave");
      requireEqual(CONTENDERS, passed.get());
    });
    barrier.removeBarrier();
    require(barrier.waitOnBarrier(DEADLINE_S, TimeUnit.SECONDS), "a removed barrier opens");
  }

  private void group(String root) throws Exception {
    try (GroupMember one = new GroupMember(client, root + "/group", "one");
         GroupMember two = new GroupMember(newClient(), root + "/group", "two", bytes("v"))) {
      one.start();
      two.start();
      eventually("both are seen", () -> one.getCurrentMembers().size() == 2);
      requireEqual("v", text(one.getCurrentMembers().get("two")));
      two.close();
      eventually("one is left", () -> one.getCurrentMembers().size() == 1);
    }
  }

  private void nodeKinds(String root) throws Exception {
    for (CreateMode mode : CreateMode.values()) {
      Stat stat = new Stat();
      String path = mode.isTTL()
          ? client.create().withTtl(3_600_000).storingStatIn(stat).withMode(mode)
              .forPath(root + "/" + mode)
          : client.create().storingStatIn(stat).withMode(mode).forPath(root + "/" + mode);
      require(path.startsWith(root + "/" + mode), path);
      requireEqual(mode.isEphemeral(), stat.getEphemeralOwner() != 0);
    }
    String guarded = client.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
        .forPath(root + "/p-");
    require(guarded.contains("/_c_"), guarded);
    requireEqual(new TreeSet<>(client.getChildren().forPath(root)).size(),
        client.checkExists().forPath(root).getNumChildren());
    CountDownLatch done = new CountDownLatch(1);
    client.getChildren().inBackground((own, event) -> done.countDown()).forPath(root);
    client.sync().inBackground().forPath(root);
    require(done.await(DEADLINE_S, TimeUnit.SECONDS), "a background call is answered");
  }

  private void persistentNode(String root) throws Exception {
    CuratorFramework other = newClient();
    try (PersistentNode node =
             new PersistentNode(other, CreateMode.EPHEMERAL, false, root + "/mine", bytes("v"));
         PersistentTtlNode ttl = new PersistentTtlNode(client, root + "/ttl", 60_000, bytes("t"))) {
      node.start();
      ttl.start();
      require(node.waitForInitialCreate(DEADLINE_S, TimeUnit.SECONDS), "created");
      require(ttl.waitForInitialCreate(DEADLINE_S, TimeUnit.SECONDS), "created with a TTL");
      client.delete().forPath(root + "/mine");
      eventually("it is back", () -> client.checkExists().forPath(root + "/mine") != null);
    }
  }

  private void acls(String root) throws Exception {
    CuratorFramework owner = CuratorFrameworkFactory.builder().connectString(address)
        .retryPolicy(new RetryOneTime(100)).authorization("digest", bytes("ann:pw")).build();
    owner.start();
    clients.add(owner);
    owner.create().withACL(ZooDefs.Ids.CREATOR_ALL_ACL).forPath(root + "/mine", bytes("v"));
    requireEqual("digest", owner.getACL().forPath(root + "/mine").get(0).getId().getScheme());
    try {
      client.getData().forPath(root + "/mine");
      throw new AssertionError("a stranger reads");
    } catch (KeeperException.NoAuthException expected) {
      requireEqual("v", text(owner.getData().forPath(root + "/mine")));
    }
  }
}
