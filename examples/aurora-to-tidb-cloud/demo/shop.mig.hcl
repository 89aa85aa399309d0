# The migration of ../shop.mig.hcl with an emulator of AWS on this machine: `make demo-aws` plans and applies it. Comments
# say what is overridden here, and why. The rest follows ../shop.mig.hcl.

variable "aws_port" {
  type        = number
  description = "Port of the emulator"
}

variable "source_port" {
  type        = number
  description = "Port of the MySQL server that stands for the Aurora cluster"
}

variable "target_port" {
  type        = number
  description = "Port of the TiDB server that stands for the TiDB Cloud cluster"
}

variable "ssh_port" {
  type        = number
  description = "Port of the sshd that stands for the instance"
}

variable "ssh_user" {
  type        = string
  description = "The user that it lets in"
}

variable "host_key" {
  type        = string
  description = "Its public host key"
}

variable "source_password" {
  type      = string
  sensitive = true
  env       = "SHOP_SOURCE_PASSWORD"
}

variable "target_password" {
  type      = string
  sensitive = true
  env       = "SHOP_TARGET_PASSWORD"
}

provider "aws" {
  region       = "us-west-2"
  endpoint_url = "http://127.0.0.1:${var.aws_port}"
  default_tags = { project = "shop-to-tidb" }
}

# The emulator's cluster has an endpoint that no name server can resolve.
source "aurora" "shop" {
  cluster_identifier = "database-1"
  host               = "127.0.0.1"
  port               = var.source_port
  username           = "mig_reader"
  password           = var.source_password

  tls {
    mode = "required"
  }
}

target "tidb" "cloud" {
  host     = "127.0.0.1"
  port     = var.target_port
  username = "mig_writer"
  password = var.target_password
  tier     = "T1.standard"
  region   = "us-west-2"

  tls {
    mode = "required"
  }
}

peering "tidb_cloud" {
  target_cidr = "10.250.0.0/16"

  expect_requester {
    account_id = "123456789012"
  }
}

runner "ec2" "mover" {
  instance_type = "t2.large"

  # The key that the sshd accepts. Without this line, mig would create a key here.
  identity_file = "runner/identity"

  ami {
    owner = "309956199498"
    name  = "RHEL-8*_HVM-*-x86_64-*"
  }

  # "auto" asks CloudWatch for the size of the cluster, in a form that the emulator does not answer yet.
  volume {
    size = "20GiB"
  }

  # The emulator starts no machine: a real sshd on this machine takes its place.
  connection {
    host     = "127.0.0.1"
    port     = var.ssh_port
    user     = var.ssh_user
    host_key = var.host_key
  }
}

migration "shop" {
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
  tables = ["shop.*", "!shop.audit_*"]
}
