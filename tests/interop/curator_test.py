"""The recipes of Curator, Java's most used client library, as curator/CuratorRecipes.java has them."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
from paddock_process import JAVA_JARS, SOURCE_DIR, ServerProcess, java_command

SOURCE = os.path.join(SOURCE_DIR, "tests/interop/curator/CuratorRecipes.java")
JARS = ("curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute",
        "guava", "slf4j-api")


class Curator(unittest.TestCase):
    def test_every_recipe_works(self):
        with ServerProcess({"tickTime": 2000, "extendedTypesEnabled": "true", "maxClientCnxns": 0}
                           ) as server, tempfile.TemporaryDirectory() as classes:
            class_path = ":".join("%s/%s.jar" % (JAVA_JARS, jar) for jar in JARS)
            subprocess.run(["javac", "-Xlint:all,-processing,-classfile,-path,-try", "-d", classes,
                            "-cp", class_path, SOURCE], check=True)
            result = subprocess.run(
                java_command("CuratorRecipes", [server.address], jars=JARS, classes=classes,
                             log_level="OFF"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
            self.assertEqual(result.returncode, 0, result.stdout + server.log()[-4000:])
            print(result.stdout)


if __name__ == "__main__":
    unittest.main()
