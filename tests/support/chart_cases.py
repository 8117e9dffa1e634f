"""The releases that tests of the chart are about: values, and what they take for granted."""

from support.charts import RUNBOOK, Case, Object, read_values, runbook_values

_PEER: Object = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}

MANAGED: Object = {
    "postgresql": {"enabled": False},
    "externalDatabase": {"host": "postgres.example.com", "existingSecret": "db"},
    "redis": {"enabled": False},
    "externalRedis": {"host": "redis.example.com"},
}
"""What leads to servers that are there already."""

EVERYTHING: Object = {
    "nameOverride": "titan-aas",
    "imagePullSecrets": [{"name": "registry"}],
    "autoscaling": {"enabled": True, "customMetric": {"name": "http_requests_per_second", "averageValue": "500"}},
    "write": {"autoscaling": {"enabled": True}, "workers": 2},
    "mqtt": {"enabled": True},
    "mosquitto": {"enabled": True},
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
    "tracing": {"enabled": True, "endpoint": "http://otel.example.com:4317"},
    "settings": {"TITAN_MEMORY_BYTES": 67108864, "TITAN_WRITE_VISIBILITY": "projected", "EVENT_BUS_STREAM": "x:events"},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "tls": [{"secretName": "aas-tls", "hosts": ["aas.example.com"]}],
    },
    "httpRoute": {
        "enabled": True,
        "parentRefs": [{"name": "public", "namespace": "gateways"}],
        "hostnames": ["aas.example.com"],
    },
    "networkPolicy": {
        "clients": [_PEER],
        "directClients": [_PEER],
        "mqttClients": [_PEER],
        "externalCidrs": ["10.0.0.0/8"],
        "writeEgress": [{"ports": [{"protocol": "TCP", "port": 443}], "to": [{"ipBlock": {"cidr": "10.2.0.0/16"}}]}],
    },
    "warm": {"enabled": True},
    "backup": {"enabled": True, "recipient": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/titan"}},
    "podAnnotations": {"example.com/team": "twins"},
    "podLabels": {"team": "twins"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "twins", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
}

OUTSIDE: Object = {
    "fullnameOverride": "aas",
    "postgresql": {"enabled": False},
    "externalDatabase": {
        "host": "postgres.example.com",
        "port": 6432,
        "username": "titan@server",
        "existingSecret": "db",
        "existingSecretPasswordKey": "postgres-password",
        "sslMode": "verify-full",
        "caSecret": "db-ca",
    },
    "redis": {"enabled": False},
    "externalRedis": {
        "host": "redis.example.com",
        "port": 6380,
        "username": "titan",
        "existingSecret": "redis",
        "tls": True,
        "caSecret": "redis-ca",
    },
    "mqtt": {
        "enabled": True,
        "host": "mqtt.example.com",
        "port": 8883,
        "username": "titan",
        "existingSecret": "mqtt",
        "tls": True,
        "caSecret": "mqtt-ca",
    },
    "blobStorage": {
        "type": "minio",
        "s3": {"bucket": "contents", "endpointUrl": "https://minio.example.com:9000", "existingSecret": "minio"},
    },
    "serviceAccount": {"create": False, "name": "there"},
    "warm": {"enabled": True},
    "backup": {"enabled": True, "existingClaim": "backups"},
    "service": {"type": "LoadBalancer", "port": 80},
}

AZURE: Object = {
    **MANAGED,
    "blobStorage": {
        "type": "azure",
        "azure": {
            "container": "contents",
            "accountUrl": "https://titan.blob.core.windows.net",
            "existingSecret": "azure",
            "secretHolds": "account-key",
            "secretKey": "key",
        },
    },
}

GCS: Object = {
    **MANAGED,
    "blobStorage": {"type": "gcs", "gcs": {"bucket": "contents", "project": "twins", "existingSecret": "gcs"}},
}

ROLE: Object = {
    **MANAGED,
    "blobStorage": {"type": "s3", "s3": {"bucket": "contents"}},
    "networkPolicy": {"externalCidrs": ["10.0.0.0/8"]},
    "backup": {"enabled": True},
}
"""Nobody gives the pods a key of the bucket: the cloud does."""

_MANAGED_HOSTS = frozenset({"postgres.example.com", "redis.example.com"})
_PRODUCTION = frozenset({"Secret/titan-db-credentials", "Secret/titan-redis-credentials", "Secret/aas-tls"})

CASES = {
    "default": Case({}),
    "minimal": Case(read_values("values-minimal.yaml")),
    "production": Case(
        read_values("values-production.yaml"),
        given=_PRODUCTION | {"Secret/titan-s3-credentials"},
        hosts=_MANAGED_HOSTS,
    ),
    "everything": Case(EVERYTHING, given=frozenset({"Secret/registry", "Secret/aas-tls"})),
    "outside": Case(
        OUTSIDE,
        given=frozenset({f"Secret/{name}" for name in ("db", "db-ca", "redis", "redis-ca", "mqtt", "mqtt-ca", "minio")})
        | {"ServiceAccount/there", "PersistentVolumeClaim/backups"},
        hosts=_MANAGED_HOSTS | {"mqtt.example.com"},
    ),
    "azure": Case(AZURE, given=frozenset({"Secret/db", "Secret/azure"}), hosts=_MANAGED_HOSTS),
    "role": Case(ROLE, given=frozenset({"Secret/db"}), hosts=_MANAGED_HOSTS),
    "gcs": Case(GCS, given=frozenset({"Secret/db", "Secret/gcs"}), hosts=_MANAGED_HOSTS),
    "long": Case(
        {**EVERYTHING, "nameOverride": ""}, frozenset({"Secret/registry", "Secret/aas-tls"}), release="t" * 53
    ),
}
if RUNBOOK.exists():
    CASES["runbook"] = Case(runbook_values(), given=_PRODUCTION, hosts=_MANAGED_HOSTS)
