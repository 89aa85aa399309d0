# An output sets the variable of the same name in the spec. Outputs that no variable has are ignored.

output "source_host" {
  value = data.aws_rds_cluster.shop.endpoint
}

output "source_port" {
  value = data.aws_rds_cluster.shop.port
}

output "source_password" {
  value     = var.reader_password
  sensitive = true
}

output "target_host" {
  value = var.target_host
}

output "runner_id" {
  value = aws_instance.runner.id
}

output "runner_host" {
  value = aws_instance.runner.private_ip
}
